// Prints "passed failed" of the last vitest run, from the report that it leaves.
import { readFile } from "node:fs/promises";

const report = JSON.parse(await readFile("coverage/tests.json", "utf8"));
console.log(`${report.numPassedTests} ${report.numFailedTests}`);

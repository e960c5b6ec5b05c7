// Prints "passed failed" of the last test run, from the report that it leaves. Skipped tests are named and count as
// failed: where everything that tests need was installed, nothing may be skipped.

import { readFile } from "node:fs/promises";

const report = JSON.parse(await readFile("coverage/tests.json", "utf8"));
for (const file of report.testResults) {
  for (const test of file.assertionResults) {
    if (test.status === "pending" || test.status === "skipped" || test.status === "todo") {
      console.error(`skipped: ${test.fullName}`);
    }
  }
}
const skipped = report.numPendingTests + report.numTodoTests;
console.log(`${report.numPassedTests} ${report.numFailedTests + skipped}`);

// Prints "passed failed" of the last test run, from the report that it leaves, and names what failed, with the reason,
// since much is printed between the tests and the end. Skipped tests count as failed: where everything that tests need
// was installed, nothing may be skipped.

import { readFile } from "node:fs/promises";

/** Enough of a message to know what failed. */
const shortened = (text) => text.split("\n").slice(0, 20).join("\n").slice(0, 2000);

const report = JSON.parse(await readFile("coverage/tests.json", "utf8"));
for (const file of report.testResults) {
  // A file that failed as a whole has a message and no tests.
  if (file.status === "failed" && file.message)
    console.error(`failed: ${file.name}\n${shortened(file.message)}`);
  for (const test of file.assertionResults) {
    if (test.status === "pending" || test.status === "skipped" || test.status === "todo") {
      console.error(`skipped: ${test.fullName}`);
    } else if (test.status === "failed") {
      console.error(`failed: ${file.name}: ${test.fullName}\n${shortened(test.failureMessages.join("\n"))}`);
    }
  }
}
const skipped = report.numPendingTests + report.numTodoTests;
console.log(`${report.numPassedTests} ${report.numFailedTests + skipped}`);

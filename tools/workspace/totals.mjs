// totals.mjs FAILED REPORT…: adds up vitest's JSON reports and prints the closing line. A step that failed, or a report that
// is missing, counts as one failure more, so that the line never claims more than was seen.
import { existsSync, readFileSync } from 'node:fs';

const [stepFailed, ...reports] = process.argv.slice(2);
let [passed, failed, skipped] = [0, 0, 0];
for (const report of reports) {
  if (!existsSync(report)) {
    console.log(`no report: ${report}`);
    failed++;
    continue;
  }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numFailedTestSuites } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  passed += numPassedTests;
  failed += numFailedTests > 0 ? numFailedTests : numFailedTestSuites;
  skipped += numPendingTests + numTodoTests;
}
if (stepFailed !== '0' && failed === 0) failed = 1;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 ? 1 : 0;

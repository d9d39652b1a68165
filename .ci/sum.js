// Adds up jest's JSON results and prints `N passed, N failed` as the last line.
// A suite that could not run counts as one failure, and so does a step that failed without a failed test to show for it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const [folder = '.', ...failedSteps] = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const step of ['tests', 'servers']) {
  const file = join(folder, `${step}.json`);
  if (!existsSync(file)) {
    if (!failedSteps.includes(step)) failedSteps.push(step);
    continue;
  }
  const result = JSON.parse(readFileSync(file, 'utf8'));
  const brokenSuites = result.testResults.filter(
    (suite) => suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  passed += result.numPassedTests;
  failed += result.numFailedTests + brokenSuites;
  const explained = result.numFailedTests + brokenSuites > 0;
  if (explained && failedSteps.includes(step)) failedSteps.splice(failedSteps.indexOf(step), 1);
}
failed += failedSteps.length;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

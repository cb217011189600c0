import { readFileSync } from 'node:fs';

/**
 * Counts the tests of one run. What is not a test, but makes the run worthless, counts as one failure each: a file
 * that does not load, a crash, a run without a single test.
 * @param {string} file  what vitest's JSON reporter wrote
 * @param {number} exitCode  of vitest
 * @returns {{ passed: number, failed: number, skipped: number, problems: string[], unsteady: string[] }}  unsteady: they
 *   passed at their second try only, with why they had not at the first
 */
export function readReport(file, exitCode) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const problem = `vitest ended with code ${exitCode} and left no readable report (${error.message})`;
    return { passed: 0, failed: 1, skipped: 0, problems: [problem], unsteady: [] };
  }
  const { numPassedTests: passed, numFailedTests, numPendingTests, numTodoTests = 0, testResults } = report;
  const unloaded = testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((result) => result.status === 'failed'),
  );
  const problems = unloaded.map(
    ({ name, message }) => `${name} failed as a whole: ${message?.split('\n')[0] || 'see above'}`,
  );
  if (passed + numFailedTests === 0) problems.push('not a single test ran');
  else if (exitCode !== 0 && numFailedTests + problems.length === 0)
    problems.push(`vitest ended with code ${exitCode} although no test failed; its own words stand above`);
  const failed = numFailedTests + problems.length;
  const skipped = numPendingTests + numTodoTests;
  return { passed, failed, skipped, problems, unsteady: unsteadyIn(testResults) };
}

/** Vitest keeps what a test failed with at its first try. */
function unsteadyIn(testResults) {
  return testResults.flatMap(({ name: file, assertionResults }) =>
    assertionResults
      .filter(({ status, failureMessages = [] }) => status === 'passed' && failureMessages.length > 0)
      .map(({ fullName, failureMessages: [first] }) => `${file}: ${fullName}: ${first.split('\n')[0]}`),
  );
}

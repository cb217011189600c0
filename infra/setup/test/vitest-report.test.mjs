import { expect, it } from 'vitest';
import { readReport } from '../vitest-report.mjs';
import { temporaryCheckout } from './checkout.mjs';

function read(report, exitCode) {
  using checkout = temporaryCheckout();
  return readReport(checkout.write('report.json', report), exitCode);
}

const report = (passed, failed, testResults = []) =>
  JSON.stringify({
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: 0,
    numTodoTests: 0,
    testResults,
  });

it('counts what passed and what failed', () => {
  expect(read(report(5, 0), 0)).toEqual({
    passed: 5,
    failed: 0,
    skipped: 0,
    problems: [],
    unsteady: [],
  });
  expect(read(report(5, 2), 1)).toMatchObject({ passed: 5, failed: 2 });
});

it('names what passed at its second try only, and why', () => {
  const file = {
    name: 'x.test.ts',
    status: 'passed',
    assertionResults: [
      { status: 'passed', fullName: 'is steady', failureMessages: [] },
      { status: 'passed', fullName: 'is late', failureMessages: ['Error: after 1 s\n    at x'] },
      { status: 'failed', fullName: 'is wrong', failureMessages: ['Error: 1', 'Error: 2'] },
    ],
  };
  const found = read(report(2, 1, [file]), 1);
  expect(found).toMatchObject({ passed: 2, failed: 1, problems: [] });
  expect(found.unsteady).toEqual(['x.test.ts: is late: Error: after 1 s']);
});

it('takes a run without a single test for a failure', () => {
  expect(read(report(0, 0), 0)).toMatchObject({ failed: 1, problems: ['not a single test ran'] });
});

it('takes a crash for a failure, with and without a report', () => {
  expect(read(report(5, 0), 1)).toMatchObject({ passed: 5, failed: 1 });
  expect(read('{"numPass', 134)).toMatchObject({ passed: 0, failed: 1 });
  expect(readReport('/nonexistent/report.json', 134).problems[0]).toContain('code 134');
});

it('counts a file that does not load as one failure', () => {
  const file = {
    name: 'x.test.ts',
    status: 'failed',
    message: 'Cannot find module y\nat z',
    assertionResults: [],
  };
  const found = read(report(5, 0, [file]), 1);
  expect(found).toMatchObject({ passed: 5, failed: 1 });
  expect(found.problems).toEqual(['x.test.ts failed as a whole: Cannot find module y']);
});

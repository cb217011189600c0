import { expect, it } from 'vitest';
import { isTold, readAdvisories, readLicences } from '../packages.mjs';

const licences = (groups) =>
  JSON.stringify(
    Object.fromEntries(Object.entries(groups).map(([one, names]) => [one, names.map((name) => ({ name }))])),
  );

it('lets packages pass that everybody may use, also with a choice of licences', () => {
  const groups = { MIT: ['a', 'b'], '(MIT OR GPL-3.0-only)': ['c'], 'Apache-2.0 AND MIT': ['d'] };
  expect(readLicences(licences(groups))).toEqual({ packages: 4, refused: [] });
});

it.each(['GPL-3.0-only', 'AGPL-3.0', 'Unknown', 'MIT AND GPL-2.0-only', 'SEE LICENSE IN LICENSE', ''])(
  'refuses a package under %j, by its name',
  (licence) => {
    expect(readLicences(licences({ MIT: ['a'], [licence]: ['b'] }))).toEqual({
      packages: 2,
      refused: [`b (${licence})`],
    });
  },
);

it.each(['', 'no json', '{}', '[]', '{"error":{"code":"ERR"}}'])('takes %j for no list', (json) => {
  expect(() => readLicences(json)).toThrow('names no package');
});

it('names the packages with grave holes, and no others', () => {
  const advisory = (module_name, severity) => ({ module_name, severity, title: 'it leaks' });
  const json = JSON.stringify({
    advisories: { 1: advisory('a', 'high'), 2: advisory('b', 'moderate'), 3: advisory('c', 'critical') },
  });
  expect(readAdvisories(json, 1)).toEqual(['a high: it leaks', 'c critical: it leaks']);
  expect(readAdvisories('{"advisories":{}}', 0)).toEqual([]);
});

it('knows a registry that does not tell from an audit that failed', () => {
  expect(isTold('Error: ERR_PNPM_AUDIT_BAD_RESPONSE: the endpoint responded with 405')).toBe(false);
  expect(isTold('getaddrinfo ENOTFOUND registry')).toBe(false);
  expect(isTold('Error: ERR_PNPM_AUDIT_NO_LOCKFILE')).toBe(true);
  expect(() => readAdvisories('', 1)).toThrow('no report');
  expect(() => readAdvisories('{"error":{}}', 1)).toThrow('no report');
});

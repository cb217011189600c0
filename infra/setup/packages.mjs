import { Failure } from './failure.mjs';

/** Licences under which anybody may use, change and pass on what bkg is made of; of a choice one is enough. */
export const allowedLicences = [
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  // Weak copyleft, file by file: nothing of these is changed here.
  'MPL-2.0',
  // Of fonts.
  'OFL-1.1',
  'Unlicense',
];

/** From here on a known hole in a package is a failure. */
export const advisoryLevel = 'high';

/**
 * The packages under other licences, or without one.
 * @param {string} json  what `pnpm licenses list --json` says
 * @returns {{ packages: number, refused: string[] }}  `name (licence)`
 * @throws {Failure} when it says nothing of packages
 */
export function readLicences(json) {
  const listed = parse(json);
  const groups = Object.entries(listed ?? {}).filter(([, packages]) => Array.isArray(packages));
  const packages = groups.reduce((sum, [, list]) => sum + list.length, 0);
  if (packages === 0) throw new Failure('pnpm names no package and no licence.', 'look at its words above.');
  const refused = groups
    .filter(([licence]) => !isAllowed(licence))
    .flatMap(([licence, list]) => list.map(({ name }) => `${name} (${licence})`));
  return { packages, refused };
}

/**
 * Whether `pnpm audit` was told of holes at all: mirrors of the registry may not know, and there may be no network.
 * @param {string} output  all that it has said
 */
export function isTold(output) {
  return !/ERR_PNPM_AUDIT_(BAD_RESPONSE|ENDPOINT_NOT_EXISTS)|ENOTFOUND|ECONN|EAI_AGAIN|ETIMEDOUT|fetch failed/.test(
    output,
  );
}

/**
 * The packages with known holes.
 * @param {string} json  what `pnpm audit --json` says
 * @param {number} code  with which it ended
 * @returns {string[]}  `name severity: title`
 * @throws {Failure} when it says nothing
 */
export function readAdvisories(json, code) {
  const advisories = parse(json)?.advisories;
  if (!advisories || typeof advisories !== 'object')
    throw new Failure(`pnpm audit ended with code ${code} and no report.`, 'look at its words above.');
  const levels = ['info', 'low', 'moderate', 'high', 'critical'];
  return Object.values(advisories)
    .filter(({ severity }) => levels.indexOf(severity) >= levels.indexOf(advisoryLevel))
    .map(({ module_name: name, severity, title }) => `${name} ${severity}: ${title}`);
}

/** An SPDX expression of names, OR and AND; anything else is not allowed. */
function isAllowed(expression) {
  const parts = (text, word) => text.split(new RegExp(`\\s+${word}\\s+`, 'i'));
  const bare = expression.replaceAll(/[()]/g, '').trim();
  return parts(bare, 'OR').some((one) =>
    parts(one, 'AND').every((name) => allowedLicences.includes(name.trim())),
  );
}

function parse(json) {
  try {
    return JSON.parse(json);
  } catch {
    // No report: who asked says what is wrong.
    return undefined;
  }
}

/** Versions as numbers, without the rest of semver that nothing here needs. */

/**
 * @param {string} text  "v26.10.0", "nats-server: v2.10.27"
 * @returns {[number, number, number] | undefined}
 */
export function parseVersion(text) {
  const match = /(\d+)\.(\d+)\.(\d+)/.exec(text);
  return match ? [Number(match[1]), Number(match[2]), Number(match[3])] : undefined;
}

/** @param {string} text @param {string} minimum */
export function isAtLeast(text, minimum) {
  const [given, wanted] = [parseVersion(text), parseVersion(minimum)];
  if (!given || !wanted) return false;
  const different = given.findIndex((part, i) => part !== wanted[i]);
  return different === -1 || given[different] > wanted[different];
}

/** Node 24, or 26 and newer; 25 is excluded by the test runner. @param {string} version */
export function isSupportedNode(version) {
  const major = parseVersion(version)?.[0] ?? 0;
  return major === 24 || major >= 26;
}

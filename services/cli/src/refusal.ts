import type { IncomingHttpHeaders } from 'node:http';
import { essenceOf, problemContentType } from '@bkg/sdk/protocol';
import type { ErrorCode, Problem } from '@bkg/sdk/protocol';
import { prefixOf } from './api-key.ts';
import type { KeyInUse } from './api-key.ts';
import { Failure } from './failure.ts';
import { printable, printableLines } from './terminal.ts';

/** Whom a problem is about, for advice. */
export interface Concern {
  plugin?: string;
  /** A change of its configuration, not an invocation. */
  isConfig?: boolean;
  /** The command that is an order: `swap`. */
  order?: string;
  /** The whole command that does it whatever the rules of a contract say. */
  forced?: string;
  /** The key that the gateway was asked with. */
  key?: KeyInUse;
}

/** What the gateway or a plugin says no with. */
export class Refusal extends Failure {
  override name = 'Refusal';
  readonly code: string;

  constructor(code: string, ...rest: ConstructorParameters<typeof Failure>) {
    super(...rest);
    this.code = code;
  }
}

/** The problem object of a failed answer; undefined when it is none. */
export function readProblem(body: Buffer, headers: IncomingHttpHeaders): Problem | undefined {
  if (essenceOf(headers['content-type'] ?? '') !== problemContentType) return undefined;
  try {
    const value = JSON.parse(body.toString()) as Partial<Problem> | null;
    return typeof value?.code === 'string' && typeof value.detail === 'string'
      ? (value as Problem)
      : undefined;
  } catch {
    return undefined;
  }
}

/** A problem for people: code, number and detail, then each place that is wrong, then what to do. */
export function refusal(problem: Problem, concern: Concern = {}, exitCode = 1): Refusal {
  const { code, status, detail, errors } = problem;
  const places = Array.isArray(errors)
    ? errors.map(({ path, message }) => `    ${path || '(the whole payload)'}  ${message}`)
    : [];
  // A detail may have lines of its own, such as the last ones that a plugin has printed.
  const text = printableLines([`${code} (${status}): ${detail}`, ...places].join('\n'));
  return new Refusal(code, text, remedyOf(problem, concern), { exitCode });
}

/** By code, so that a new one of the table must say here what to do. */
const remedies: Record<ErrorCode, (plugin: string) => string> = {
  INVALID_PAYLOAD: (plugin) => `correct it; \`bkg plugins ${plugin}\` shows what each capability takes.`,
  UNAUTHENTICATED: () => 'set BKG_API_KEY to a key of this mesh.',
  FORBIDDEN: () => 'ask for a key that may do this, and name the gateway by its own address.',
  PLUGIN_NOT_FOUND: () => '`bkg plugins` lists those that there are.',
  CAPABILITY_NOT_FOUND: (plugin) => `\`bkg plugins ${plugin}\` shows what it can do.`,
  CONFLICT: (plugin) => `look at \`bkg plugins ${plugin}\`.`,
  PAYLOAD_TOO_LARGE: () => 'send less at once.',
  RATE_LIMITED: () => 'try again in a moment.',
  BUSY: () => 'try again in a moment.',
  CANCELLED: () => 'try again, if nobody meant to cancel it.',
  INTERNAL: (plugin) => `\`bkg logs ${plugin}\` says why.`,
  INVALID_OUTPUT: (plugin) =>
    `tell the author of ${plugin}: it was carried out, and its answer breaks its own schema.`,
  PLUGIN_CRASHED: (plugin) => `\`bkg logs ${plugin}\` says why.`,
  PLUGIN_UNAVAILABLE: (plugin) => `start it with \`bkg start ${plugin}\`, or look at \`bkg logs ${plugin}\`.`,
  DEADLINE_EXCEEDED: (plugin) =>
    `give it more time (--timeout), or look at \`bkg logs ${plugin}\`. It may have been carried out.`,
  PLUGIN_OUT_OF_MEMORY: (plugin) => `\`bkg logs ${plugin}\` says more.`,
};

/** Where a change of a configuration asks for something else than an invocation. */
const configRemedies: Partial<Record<ErrorCode, (plugin: string) => string>> = {
  INVALID_PAYLOAD: (plugin) =>
    `correct it; \`bkg config ${plugin}\` shows what is set, and "PluginConfig" in plugins/sdk/PROTOCOL.md what each member takes.`,
  CONFLICT: (plugin) =>
    `see with \`bkg config ${plugin}\` what it is now, and with \`bkg plugins ${plugin}\` whether it is just being replaced, then try again.`,
  DEADLINE_EXCEEDED: (plugin) => `\`bkg plugins ${plugin}\` shows how far it is; it may still be reached.`,
};

/** Where it is about the key that was shown. */
const keyRemedies: Partial<Record<ErrorCode, (key: KeyInUse) => string>> = {
  UNAUTHENTICATED: (key) => {
    const { text, from, problem } = key;
    const asked = 'whoever has an admin key makes one with `bkg keys create`';
    if (text === undefined && problem === undefined)
      return `set BKG_API_KEY to a key of this mesh (${asked}), or BKG_HOME to the folder of a mesh on this machine: its admin.key is taken by itself.`;
    if (text === undefined)
      return `${problem}, so nothing was shown: set BKG_API_KEY to a key of this mesh (${asked}).`;
    return `the key ${nameOf(key)} was not taken: it was made by another mesh, revoked, rotated, or has expired. Set BKG_API_KEY to another one; ${asked}.${from === 'BKG_API_KEY' ? '' : ` Without ${from} the next \`bkg up\` makes a new one.`}`;
  },
  FORBIDDEN: (key) =>
    key.text === undefined
      ? 'set BKG_API_KEY to a key that may do this, and name the gateway by its own address.'
      : `ask whoever has an admin key for one that may do this, and set BKG_API_KEY to it: asked with was ${nameOf(key)}, and \`bkg keys show\` says what that may.`,
};

/** A key as it may be shown. */
function nameOf(key: KeyInUse): string {
  const prefix = prefixOf(key.text ?? '');
  return prefix === undefined ? `of ${key.from}` : `${prefix} of ${key.from}`;
}

/** Where an order does. */
const orderRemedies: Partial<Record<ErrorCode, (plugin: string, order: string) => string>> = {
  INVALID_PAYLOAD: (_plugin, order) => `correct it; \`bkg help ${order}\` shows what it takes.`,
  DEADLINE_EXCEEDED: (plugin) => `\`bkg plugins ${plugin}\` shows how far it is; it may still be reached.`,
};

function remedyOf(
  { code, retryable, errors }: Problem,
  { plugin: named, isConfig = false, order, forced, key }: Concern,
): string {
  const ofKey = key && keyRemedies[code as ErrorCode];
  if (ofKey) return ofKey(key);
  // The gateway itself has nothing to say yet.
  if (code === 'PLUGIN_UNAVAILABLE' && named === undefined) return 'try again in a moment.';
  const plugin = named ?? '<plugin>';
  const ofConfig = isConfig && configRemedies[code as ErrorCode];
  if (ofConfig) return ofConfig(plugin);
  // Only a broken contract has places that are wrong: every other conflict cannot be forced.
  if (code === 'CONFLICT' && forced !== undefined && errors?.length)
    return `mend it, or \`${printable(forced)}\` when no caller relies on it.`;
  const ofOrder = order !== undefined && orderRemedies[code as ErrorCode];
  if (ofOrder) return ofOrder(plugin, order);
  const remedy = Object.hasOwn(remedies, code) ? remedies[code as ErrorCode](plugin) : undefined;
  if (remedy) return remedy;
  const again = retryable === true ? 'try again in a moment; ' : '';
  return `${again}\`bkg plugins ${plugin}\` says what it means by ${printable(code)}.`;
}

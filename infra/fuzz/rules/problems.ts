import { errorTable, isProblem } from '@bkg/sdk/protocol';

/** What `target` and its like declare, and the plugin that keeps the keys. */
const declared = /^(?:(?:TARGET|STEADY|SPARE)_FAILED|APIKEYS_[A-Z_]+)$/;

/**
 * Failures of the kind 5xx that bkg may answer although no plugin has failed: nobody is there, or the time is over, which
 * the input itself may have asked for.
 */
const earned: ReadonlySet<string> = new Set(['PLUGIN_UNAVAILABLE', 'DEADLINE_EXCEEDED']);
/** Chunks of bytes were asked for in a way that has JSON only: the refusal says how they can be had. */
const bytesAsJson = /hands it over as it is\.$/;
const serverFailure = 500;

export interface ProblemOptions {
  /** It was answered by a plugin that fails as it likes: then any failure is its own. */
  isHostile?: boolean;
}

/** What is wrong with a failure that somebody was told. */
export function problemFlaws(value: unknown, { isHostile = false }: ProblemOptions = {}): string[] {
  if (!isProblem(value)) return [`a failure is no problem object: ${shown(value)}`];
  const flaws: string[] = [];
  const { code, status, detail, retryable, title, type } = value;
  const entry = Object.hasOwn(errorTable, code) ? errorTable[code as keyof typeof errorTable] : undefined;
  if (!entry && !declared.test(code) && !isHostile) flaws.push(`${code} stands in no table`);
  if (entry && entry.number !== status && !isHostile) flaws.push(`${code} has the number ${status}`);
  const isEarned = earned.has(code) || (code === 'INVALID_OUTPUT' && bytesAsJson.test(detail));
  if (status >= serverFailure && !isEarned && !isHostile)
    flaws.push(`${code} (${status}), which no plugin has earned: ${detail.slice(0, 300)}`);
  // What a plugin says beside what makes it a problem is handed on as it is.
  if (isHostile) return flaws;
  if (typeof retryable !== 'boolean' || typeof title !== 'string' || typeof type !== 'string')
    flaws.push(`a problem object lacks a member: ${shown(value)}`);
  return flaws;
}

/** The words of a failure without what is different each time: where in the code they come from. */
export function shapeOf(detail: string): string {
  return detail
    .replace(/not JSON: .*/s, 'not JSON')
    .replaceAll(/"[^"]*"?/g, '"…"')
    .replaceAll(/[^\s.,;:()]*\d[^\s.,;:()]*/g, '#')
    .replaceAll(/[^ -~]+/g, '?')
    .replaceAll(/[^\s]*[{}[\]<>$*%\\/|^~`=+&@][^\s]*/g, '…')
    .replaceAll(/\S{30,}/g, '…')
    .slice(0, 100);
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 300);

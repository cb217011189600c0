import type { Verdict } from '../../chaos/rules/verdict.ts';

/** Those that an input itself can be the reason of, and nothing is wrong inside. */
const expected: readonly RegExp[] = [
  // Somebody publishes in the name of apikeys, which the broker lets nobody do but for the mesh itself.
  /"message":"the plugin apikeys has told of something that is no key"/,
  // Somebody wants the answer on `_INBOX.`, which is no subject.
  /"message":"the broker refused something".*Publish to \\"_INBOX\.\\"/,
];
/** Plugins that are there to fail. */
const strangers = /^(?:spare|ghost|evil|hostile|mutant)/;
const shownLines = 5;

export interface LogFile {
  /** Of the part or the plugin. */
  name: string;
  text: string;
}

/** Nobody has written down that something is wrong inside. @param since lines before it do not count, as a time in ISO 8601 */
export function judgeLogs(files: readonly LogFile[], since: string): Verdict {
  const flaws: string[] = [];
  let count = 0;
  for (const { name, text } of files) {
    if (strangers.test(name)) continue;
    const bad = text.split('\n').filter((line) => {
      if (line !== '') count += 1;
      return isBad(line, since);
    });
    const kinds = Map.groupBy(bad, (line) => line.replaceAll(/\d+/g, '#').slice(0, 200));
    for (const some of [...kinds.values()].slice(0, shownLines))
      flaws.push(`${name} says, ${some.length} times: ${some[0]?.slice(0, 1_000)}`);
  }
  if (count === 0) flaws.push('nobody has written anything');
  return {
    rule: 'nobody has written down that something is wrong inside',
    flaws,
    counted: `${count} lines of ${files.length} files`,
  };
}

function isBad(line: string, since: string): boolean {
  const record = parse(line);
  // What is no record comes from Node itself, or from whoever ends.
  if (!record)
    return /\b(?:unhandled|uncaught|TypeError|RangeError|ReferenceError|panic:|MaxListenersExceeded)/i.test(
      line,
    );
  const { level, time, plugin_id } = record;
  if (typeof time === 'string' && time < since) return false;
  if (typeof plugin_id === 'string' && strangers.test(plugin_id)) return false;
  const isError = level === 'error' || level === 'fatal';
  return isError && !expected.some((known) => known.test(line));
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    return Object(JSON.parse(line)) as Record<string, unknown>;
  } catch {
    // A line of nats-server, or one that somebody has printed.
    return undefined;
  }
}

import type { Msg } from '@nats-io/nats-core';
import { jsonOrUndefined } from './json.ts';
import { BkgError } from './protocol/errors.ts';
import { isStatusEvent } from './protocol/event.ts';
import type { InstanceEnding, OtherInstance } from './protocol/event.ts';
import { parseEventSubject } from './protocol/subjects.ts';
import { shortToken } from './token.ts';

/** An instance whose process is gone, as the supervisor says. */
export interface Death {
  plugin: string;
  instance: string;
  ended: InstanceEnding;
  /** How, in words. */
  text: string;
  /** Who else may hold what was sent before. */
  others: OtherInstance[];
}

const words: Record<InstanceEnding, string> = {
  stopped: 'it was stopped',
  crashed: 'it has crashed',
  out_of_memory: 'it has taken more memory than it may',
};

/** What it has printed last may be in it, and goes to everybody who waits. */
const textMostLength = 1_000;

const mark = Buffer.from('"ended"');

/** The death that a status event tells of; undefined when it tells of something else, or of others than its subject names. */
export function deathIn(msg: Msg): Death | undefined {
  // Nearly all tell of something else, and a plugin may publish as many as it likes: those are not parsed.
  if (!Buffer.from(msg.data.buffer, msg.data.byteOffset, msg.data.byteLength).includes(mark))
    return undefined;
  const subject = parseEventSubject(msg.subject);
  // Whoever sent what is no JSON: it counts for nothing.
  const event = jsonOrUndefined(msg.data);
  if (!subject || !isStatusEvent(event) || event.ended === undefined) return undefined;
  const { id, instance, ended, error, others = [] } = event;
  if (subject.id !== id || subject.instance !== instance) return undefined;
  return { plugin: id, instance, ended, text: error || words[ended], others };
}

/** What an invocation fails with that nobody holds after a death. It may have run. */
export function deathError({ plugin, instance, ended, text }: Death): BkgError {
  const code = ended === 'out_of_memory' ? 'PLUGIN_OUT_OF_MEMORY' : 'PLUGIN_CRASHED';
  const why = text.length > textMostLength ? `${text.slice(0, textMostLength)}…` : text;
  return new BkgError(
    code,
    `The instance ${shortToken(instance)} of ${plugin} is gone, and no other holds the invocation: ${why}${/[.…]$/.test(why) ? '' : '.'}`,
  );
}

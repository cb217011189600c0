import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { flowSubject, natsGrammar, ownReply } from '../grammar/nats.ts';
import type { NatsInput, NatsMessage } from '../grammar/nats.ts';
import { replyFlaws, replyOutcome } from '../rules/replies.ts';
import type { Grounds } from './grounds.ts';
import { RawNats } from './raw-nats.ts';
import type { RawMessage } from './raw-nats.ts';
import { shortened } from './shortened.ts';
import type { Observation, Way } from './way.ts';

const overMs = 15_000;
/** For an answer that need not come, after that to the probe. */
const quietMs = 20;
/** For a chunk, before somebody answers it. */
const flowMs = 15;
const pollMs = 2;
const probe = 'probe';
const atOnce = 32;

/** Clients of the broker that may do everything, and know no library. */
export async function natsWay(grounds: Grounds): Promise<Way<NatsInput>> {
  const idle: RawNats[] = [];
  return {
    grammar: natsGrammar,
    atOnce,
    run: async (input) => {
      const client = idle.pop() ?? (await RawNats.connect(grounds.busPort, grounds.credentials));
      const observation = await run(grounds, client, input);
      if (client.isClosed) observation.outcomes.push(`the server has closed: ${client.errors.at(-1) ?? ''}`);
      else idle.push(client);
      return observation;
    },
    show: shortened,
    [Symbol.asyncDispose]: async () => idle.forEach((client) => client.close()),
  };
}

async function run({ instance }: Grounds, client: RawNats, { messages }: NatsInput): Promise<Observation> {
  const inbox = `_INBOX.fuzz.${randomBytes(16).toString('hex')}`;
  const replies: RawMessage[] = [];
  let lastAt = performance.now();
  client.onMessage = (message) => {
    if (!message.subject.startsWith(inbox)) return;
    replies.push(message);
    lastAt = performance.now();
  };
  client.subscribe(`${inbox}.*`, 1);
  const fill = (text: string): string => text.replaceAll('{instance}', instance).replaceAll('{inbox}', inbox);
  for (const [i, { subject, reply, headers, body }] of messages.entries()) {
    if (subject === flowSubject) await delay(flowMs);
    const to = subject === flowSubject ? replies.findLast((one) => one.reply !== '')?.reply : fill(subject);
    if (to === undefined) continue;
    client.publish({
      subject: to,
      body: fill(body),
      ...(reply !== undefined && { reply: reply === ownReply ? `${inbox}.${i}` : fill(reply) }),
      ...(headers !== undefined && { headers: fill(headers) }),
    });
  }
  client.publish({
    subject: fill('plugin.target.at.{instance}.invoke.echo'),
    reply: `${inbox}.${probe}`,
    body: '1',
  });
  const wanted = [...messages.flatMap((message, i) => (isSure(message) ? [String(i)] : [])), probe];
  const open = (): string[] =>
    wanted.filter((last) => !replies.some((one) => one.subject === `${inbox}.${last}`));
  const begun = performance.now();
  while (!client.isClosed && performance.now() - begun < overMs) {
    if (open().length === 0 && performance.now() - lastAt > quietMs) break;
    await delay(pollMs);
  }
  client.unsubscribe(1);
  const flaws = replies.flatMap(replyFlaws);
  if (!client.isClosed && open().length > 0)
    flaws.push(`not answered within ${overMs} ms: ${open().join(', ')}`);
  const others = replies.filter(({ subject }) => subject !== `${inbox}.${probe}`);
  return {
    outcomes: [...new Set(others.map(replyOutcome)), ...(others.length === 0 ? ['nothing'] : [])],
    flaws,
  };
}

/** It has to be answered, whatever stands in its body. */
function isSure({ subject, reply, headers }: NatsMessage): boolean {
  return (
    reply === ownReply &&
    headers === undefined &&
    /^plugin\.target\.(?:at\.\{instance\}\.)?invoke(?:\.[a-z.]+)?$/.test(subject)
  );
}

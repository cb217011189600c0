import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { headerNames, subjects } from '@bkg/sdk';
import { clockMs, sleeper } from './plugin.ts';
import type { Stage } from './stage.ts';

/** An invocation that has begun: ends it, and says since when it has a reason to. */
export type End = () => number | Promise<number>;

/** Begins an invocation that ends in its way. @param key names it, also as its invocation id */
export type Cause = (stage: Stage, key: string) => Promise<End>;

const timeoutMs = 30_000;
/** Of the invocations that end because their time is over. */
const deadlineMs = 100;
/** Kept alive: what is measured is no handshake. */
const agent = new Agent({ keepAlive: true });

export const causes = {
  'client disconnects': async ({ port }, key) => {
    const socket = await postOn(port, key);
    return () => {
      const at = clockMs();
      socket.destroy();
      return at;
    };
  },
  'cancel on /ws': async ({ socket }, key) => {
    // Frames have shorter ids than invocations.
    socket.invoke(key, { key, depth: 0 });
    return () => {
      const at = clockMs();
      socket.cancel(key);
      return at;
    };
  },
  DELETE: async ({ port }, key) => {
    const socket = await postOn(port, key);
    return async () => {
      const at = clockMs();
      await deleteInvocation(port, key);
      socket.destroy();
      return at;
    };
  },
  'cancel over NATS': async (stage, key) => {
    ask(stage, key, timeoutMs, 0);
    return () => cancelOverNats(stage, key);
  },
  'nested, two deep': async (stage, key) => {
    ask(stage, key, timeoutMs, 2);
    return () => cancelOverNats(stage, key);
  },
  deadline: async (stage, key) => {
    const dueAt = clockMs() + deadlineMs;
    ask(stage, key, deadlineMs, 0);
    return () => dueAt;
  },
  'client aborts': async ({ client }, key) => {
    const controller = new AbortController();
    const { signal } = controller;
    client.invoke(sleeper, 'sleep', { key, depth: 0 }, { signal, timeoutMs }).catch(ended);
    return () => {
      const at = clockMs();
      controller.abort();
      return at;
    };
  },
} satisfies Record<string, Cause>;

export type CauseName = keyof typeof causes;

/** Each of them fails, as it should; when its handler saw so is what is measured. */
function ended(): void {}

function ask({ connection }: Stage, key: string, withinMs: number, depth: number): void {
  const headers = { [headerNames.invocationId]: key, [headerNames.timeoutMs]: String(withinMs) };
  const body = JSON.stringify({ key, depth });
  const subject = subjects.invokeCapability(sleeper, 'sleep');
  connection.request(subject, body, { timeoutMs: withinMs + 5_000, headers }).catch(ended);
}

function cancelOverNats({ connection }: Stage, key: string): number {
  const at = clockMs();
  connection.publish(subjects.cancel(sleeper), JSON.stringify({ invocation_id: key }));
  return at;
}

/** A POST on a connection of its own, whose answer nobody reads. */
async function postOn(port: number, key: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  // That it is cut off is the matter.
  socket.on('error', ended);
  socket.setNoDelay(true);
  const body = JSON.stringify({ key, depth: 0 });
  const head = [
    `POST /api/plugins/${sleeper}/invoke/sleep HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    `Bkg-Invocation-Id: ${key}`,
    `Bkg-Timeout-Ms: ${timeoutMs}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.resume();
  return socket;
}

function deleteInvocation(port: number, key: string): Promise<void> {
  const path = `/api/plugins/${sleeper}/invocations/${key}`;
  return new Promise((resolve, reject) => {
    const sender = request({ agent, host: '127.0.0.1', port, method: 'DELETE', path }, (answer) => {
      answer.resume();
      if (answer.statusCode === 204) answer.once('end', resolve);
      else reject(new Error(`DELETE was answered ${answer.statusCode}`));
    });
    sender.once('error', reject);
    sender.end();
  });
}

import http from 'node:http';
import { createConnection } from 'node:net';
import { delay } from '@bkg/sdk/host';
import { listPlugins } from './ask-supervisor.ts';
import { withBus } from './bus.ts';
import type { BusAddress } from './bus.ts';
import { isNewEnough, minimumNatsVersion } from './nats-server.ts';

const pollMs = 50;
const answerWithinMs = 2_000;

/**
 * Tries until it succeeds.
 * @throws when `signal` aborts: what stood in the way last
 */
async function untilTrue<T>(attempt: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  let why: unknown;
  for (;;) {
    try {
      return await attempt(AbortSignal.any([signal, AbortSignal.timeout(answerWithinMs)]));
    } catch (error) {
      // An attempt that is cut off knows nothing; the one before it does.
      if (!signal.aborted || why === undefined) why = error;
    }
    try {
      await delay(pollMs, signal);
    } catch {
      throw why;
    }
  }
}

/** Waits until our own nats-server serves its users. @returns its version */
export async function natsIsReady(
  { host, port }: { host: string; port: number },
  address: BusAddress,
  signal: AbortSignal,
): Promise<string> {
  await untilTrue((attempt) => greeting(host, port, attempt), signal);
  const { version } = await brokerIsReady(address, signal);
  return version;
}

/** @throws Error that says what is wrong with the broker, when `signal` aborts or at once when it can never do */
export async function brokerIsReady(address: BusAddress, signal: AbortSignal): Promise<{ version: string }> {
  return withBus(address, signal, async ({ nats }) => {
    const { version = '', jetstream } = nats.info ?? {};
    if (!isNewEnough(version))
      throw new Error(`the broker is nats-server ${version}; bkg needs ${minimumNatsVersion} or newer`);
    if (!jetstream)
      throw new Error('the broker runs without JetStream, where bkg keeps what it must remember');
    return { version };
  });
}

/** Waits until the supervisor answers. */
export async function supervisorIsReady(address: BusAddress, signal: AbortSignal): Promise<void> {
  await withBus(address, signal, (connection) =>
    untilTrue(async (attempt) => {
      await listPlugins(connection, { timeoutMs: answerWithinMs, signal: attempt });
    }, signal),
  );
}

/** Waits until the gateway says that it can do its work. */
export async function gatewayIsReady(host: string, port: number, signal: AbortSignal): Promise<void> {
  await untilTrue(async (attempt) => {
    const { status, body } = await get(host, port, '/readyz', attempt);
    if (status !== 200) throw new Error(`GET /readyz is answered ${status}: ${detailOf(body)}`);
  }, signal);
}

/** What a nats-server says first to everybody, before TLS, too; asked before a login is tried, which waits longer between two tries. */
function greeting(host: string, port: number, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = createConnection({ host, port, signal });
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    text += chunk;
    if (/^INFO \{.*\r?\n/s.test(text)) resolve(text);
    else if (text.length > 4_096 || !'INFO '.startsWith(text.slice(0, 5)))
      reject(new Error(`what answers on port ${port} is no nats-server`));
  });
  socket.once('error', reject);
  socket.once('close', () => reject(new Error(`port ${port} closes without a greeting`)));
  return promise.finally(() => socket.destroy());
}

interface Answer {
  status: number;
  body: string;
}

/** Not `fetch`, which may be told by the environment to go through a proxy. */
function get(host: string, port: number, path: string, signal: AbortSignal): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = http.get({ host, port, path, agent: false, signal }, (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => (body = (body + chunk).slice(0, 4_096)));
    response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
    response.once('error', reject);
  });
  request.once('error', reject);
  return promise;
}

function detailOf(body: string): string {
  try {
    const { detail } = JSON.parse(body) as { detail?: unknown };
    if (typeof detail === 'string') return detail;
  } catch {
    // Not a problem object: it is shown as it is.
  }
  return body.slice(0, 200);
}

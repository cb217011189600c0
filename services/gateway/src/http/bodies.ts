import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import fp from 'fastify-plugin';
import { nowhere } from '@bkg/sdk';
import { Deadlines } from './deadlines.ts';
import type { Timed } from './deadlines.ts';

export interface BodiesOptions {
  /** For a body to arrive in, but for one that is piped. */
  timeoutMs: number;
}

/** Of one request that announces a body. */
interface Arrival extends Timed {
  raw: Arriving;
  /** Its sender waits for a word before it sends the body, and has not got it. */
  awaitsContinue: boolean;
  /** Hears that it has not arrived in time. */
  onLate: (() => void) | undefined;
  /** It will not be read to its end. */
  isAbandoned: boolean;
}

/** What is still read of a body that nobody wants, so that its sender sees the answer and not a reset. */
export const discardedMostBytes = 16 * 1024 * 1024;
const discardMs = 2_000;
/** So much later than its time is over it may be noticed. */
const sweepMostMs = 1_000;

/**
 * A member of the request, and no WeakMap of requests: a collection of the young takes for alive what such a one holds that
 * refers to its key (`infra/bench/README.md#findings`).
 */
const arrivalOf = Symbol('arrival');
type Arriving = IncomingMessage & { [arrivalOf]?: Arrival };

/**
 * How bodies arrive: each in its time, only when somebody wants it if its sender asks before, and answered in a way that
 * the answer arrives, too, when the rest of the body is not read.
 */
export const bodies = fp<BodiesOptions>(
  async (app, { timeoutMs }) => {
    /** Of which the rest is to come in time. */
    const awaited = new Deadlines<Arrival>({
      everyMs: Math.min(sweepMostMs, timeoutMs / 4),
      isOver: ({ raw }) => raw.complete || raw.destroyed,
      onLate: ({ raw, onLate }) => {
        if (onLate) onLate();
        // It was answered without its body, which its sender goes on sending.
        else raw.destroy();
      },
    });
    app.addHook('onClose', async () => awaited.close());
    app.server.on('checkContinue', (request: Arriving, response: ServerResponse) => {
      request[arrivalOf] = begin(request, true);
      app.server.emit('request', request, response);
    });
    // Of another expectation Node would say 417, without a body, before anybody has looked at it: the guard refuses it.
    app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      app.server.emit('request', request, response);
    });
    app.addHook('onRequest', ({ raw }: { raw: Arriving }, _reply, done) => {
      if (hasBody(raw)) {
        const arrival = (raw[arrivalOf] ??= begin(raw, false));
        arrival.deadline = performance.now() + timeoutMs;
        awaited.add(arrival);
      }
      done();
    });
    app.addHook('onResponse', ({ raw }: { raw: Arriving }, _reply, done) => {
      if (raw.complete && raw[arrivalOf]) awaited.delete(raw[arrivalOf]);
      done();
    });
    app.addHook('onSend', (request, reply, payload, done) => {
      const raw: Arriving = request.raw;
      const arrival = raw[arrivalOf];
      if (!arrival || raw.complete) return done(null, payload);
      // What comes next on this connection would be taken for the body.
      if (arrival.awaitsContinue || arrival.isAbandoned) reply.header('connection', 'close');
      if (!arrival.isAbandoned || !isWhole(payload)) return done(null, payload);
      reply.header('content-length', Buffer.byteLength(payload));
      done(null, Readable.from(answerFirst(payload, raw), { objectMode: false }));
    });
  },
  { name: 'bodies' },
);

export function hasBody({ headers }: IncomingMessage): boolean {
  const declared = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (declared !== undefined && !/^0+$/.test(declared));
}

/** Whether its sender asks first whether the body is wanted, and was not told yet. */
export function isOffered(raw: Arriving): boolean {
  return raw[arrivalOf]?.awaitsContinue === true;
}

/** Somebody reads it from now on. @param onLate hears when its time is over before it is complete */
export function awaitBody(raw: Arriving, response: ServerResponse, onLate: () => void): void {
  const arrival = raw[arrivalOf];
  if (!arrival) return;
  arrival.onLate = onLate;
  sendContinue(arrival, response);
}

/** Somebody is going to pipe it, who sees to it that it ends: until it is wanted may take as long as the invocation. */
export function reserveBody(raw: Arriving): void {
  const arrival = raw[arrivalOf];
  if (arrival) arrival.deadline = Infinity;
}

/** One that is reserved is wanted from now on. */
export function pipeBody(raw: Arriving, response: ServerResponse): void {
  const arrival = raw[arrivalOf];
  if (arrival) sendContinue(arrival, response);
}

/** Nobody will read the rest: the connection is closed after the answer. */
export function abandonBody(raw: Arriving): void {
  const arrival = raw[arrivalOf];
  if (arrival) arrival.isAbandoned = true;
}

/** Reads what is still sent and throws it away: until it is complete, at most 16 MiB and for two seconds. */
export async function discardRest(raw: IncomingMessage): Promise<void> {
  if (raw.complete || raw.destroyed) return;
  await new Promise<void>((resolve) => {
    let bytes = 0;
    const end = (): void => {
      clearTimeout(timer);
      raw.off('data', take).off('end', end).off('error', end).off('close', end);
      resolve();
    };
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > discardedMostBytes) end();
    };
    const timer = setTimeout(end, discardMs);
    // Nothing flows as long as somebody waits to read it piece by piece.
    raw.removeAllListeners('readable');
    raw.on('data', take).on('end', end).on('error', end).on('close', end);
    raw.resume();
  });
}

function begin(raw: Arriving, awaitsContinue: boolean): Arrival {
  return { raw, place: nowhere, awaitsContinue, deadline: Infinity, onLate: undefined, isAbandoned: false };
}

function sendContinue(arrival: Arrival, response: ServerResponse): void {
  if (arrival.awaitsContinue) response.writeContinue();
  arrival.awaitsContinue = false;
}

function isWhole(payload: unknown): payload is Buffer | string {
  return typeof payload === 'string' || Buffer.isBuffer(payload);
}

async function* answerFirst(payload: Buffer | string, raw: IncomingMessage): AsyncGenerator<Buffer> {
  yield Buffer.from(payload);
  await discardRest(raw);
}

/**
 * Sends invocations at a fixed rate, whatever becomes of them, until it is told to stop; `OfferedLoad` starts it, in a
 * process of its own. What is sent late counts from when it was due.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { now } from '../../clock.ts';
import { pathOf } from '../invocation.ts';
import { HttpCalls } from './http-calls.ts';
import { Ledger } from './ledger.ts';
import { NatsCalls } from './nats-calls.ts';
import type { LoadOrder, LoadReport } from './offered-load.ts';

/** By then it would have been told that a deadline has passed. */
const graceMs = 2_000;
/** So long it listens for second replies. */
const listenMs = 500;

process.once('message', (order: LoadOrder) => void run(order));
process.once('disconnect', () => process.exit(1));

async function run(order: LoadOrder): Promise<void> {
  const { perSecond, mostUnderWay, timeoutMs } = order;
  const ledger = new Ledger(order.run);
  const http = new HttpCalls({ ...order, port: order.httpPort, ledger });
  const nats = await NatsCalls.connect({ ...order, port: order.busPort, ledger });
  const calls = { http, nats };
  const startedAt = now();
  let next = 0;
  const timer = setInterval(() => {
    for (; startedAt + (next * 1_000) / perSecond <= now(); next += 1) {
      const isSent = ledger.underWay < mostUnderWay;
      ledger.due(next, startedAt + (next * 1_000) / perSecond, isSent);
      if (isSent) calls[pathOf(next)].send(next);
    }
    nats.flush();
  }, 1);
  say({ started: true });
  await new Promise((resolve) => process.once('message', resolve));
  clearInterval(timer);
  const until = now() + timeoutMs + graceMs;
  while (ledger.underWay > 0 && now() < until) await delay(20);
  await delay(listenMs);
  http.close();
  nats.close();
  say({ result: ledger.result() });
}

function say(report: LoadReport): void {
  process.send?.(report);
}

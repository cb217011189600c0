/**
 * Invokes a plugin in one way, as it is ordered; `Load` starts it, in a process of its own. The phases of an order follow each
 * other at once: the next one begins when nothing more is sent of the one before, and not when all of that is answered.
 */
import type { Caller, CallerOptions } from './caller.ts';
import { HttpCaller } from './http-caller.ts';
import type { LoadOptions, LoadReport } from './load.ts';
import { NatsCaller } from './nats-caller.ts';
import { Phase } from './phase.ts';
import type { PhaseOrder } from './phase.ts';
import { SocketCaller } from './socket-caller.ts';

process.once('message', (options: LoadOptions) => void serve(options));
process.once('disconnect', () => process.exit(1));

async function serve({ way, ...options }: LoadOptions): Promise<void> {
  const caller = await open(way, options);
  process.on('message', (orders: PhaseOrder[]) => void run(caller, orders));
  say({ isOpen: true });
}

async function open(way: LoadOptions['way'], options: CallerOptions): Promise<Caller> {
  if (way === 'http') return new HttpCaller(options);
  if (way === 'ws') return await SocketCaller.open(options);
  return await NatsCaller.connect(options);
}

async function run(caller: Caller, orders: PhaseOrder[]): Promise<void> {
  const phases: Phase[] = [];
  for (const [i, order] of orders.entries()) {
    say({ begun: i });
    const phase = new Phase(caller, order);
    phases.push(phase);
    await phase.sent;
  }
  say({ offered: await Promise.all(phases.map((phase) => phase.result())) });
}

function say(report: LoadReport): void {
  process.send?.(report);
}

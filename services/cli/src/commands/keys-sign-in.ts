import type { Ticket } from '@bkg/sdk/protocol';
import { dateAndTime } from '../clock.ts';
import type { Arguments } from '../command.ts';
import { Gateway } from '../gateway.ts';
import { dashboardOf } from '../mesh-address.ts';
import { note } from '../terminal.ts';

/** `bkg keys sign-in`: the link alone on standard output, for a browser. */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const gateway = new Gateway(args, env);
  const { ticket, expires_at: until } = await gateway.json<Ticket>('/api/session/tickets', {
    method: 'POST',
  });
  process.stdout.write(`${dashboardOf(gateway.url, env)}/sign-in#ticket=${ticket}\n`);
  note(`it works once, until ${dateAndTime(until)}`);
  return 0;
}

import { isSecretEnv } from '@bkg/sdk/protocol';
import { UsageError } from './command.ts';
import { note } from './terminal.ts';

const mostBytes = 64 * 1024;

/**
 * Settings of which `env.<name>=-` has the value from standard input, where the name sounds like a secret: on a command line
 * all users of the machine could read it, and it would stay in the history of the shell. @throws UsageError
 */
export async function withSecretInput(settings: readonly string[]): Promise<string[]> {
  const asked = settings.filter(isFromInput);
  if (asked.length > 1)
    throw new UsageError(
      `standard input has one value; ${asked.join(' and ')} take one each: change one at a time`,
    );
  if (asked.length === 0) return [...settings];
  const value = await readValue(asked[0] ?? '');
  return settings.map((setting) => (isFromInput(setting) ? setting.replace(/-$/, () => value) : setting));
}

/** For who gives one on the command line. */
export function secretWarning(settings: readonly string[]): string | undefined {
  const given = settings.map((one) => /^env\.([^.=]+)=(?!null$|\*+$|-$)./.exec(one)?.[1]);
  const name = given.find((one) => one !== undefined && isSecretEnv(one));
  if (name === undefined) return undefined;
  return `the value of ${name} was on a command line, which other users of this machine can see; --set env.${name}=- takes it from standard input`;
}

function isFromInput(setting: string): boolean {
  const [, name] = /^env\.([^.=]+)=-$/.exec(setting) ?? [];
  return name !== undefined && isSecretEnv(name);
}

/** Without the end of the line. */
async function readValue(setting: string): Promise<string> {
  const { stdin } = process;
  if (stdin.isTTY) note(`type the value of ${setting.split('=', 1)[0]}, then Ctrl-D`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > mostBytes) throw new UsageError(`standard input has more than ${mostBytes} bytes`);
  }
  const value = Buffer.concat(chunks)
    .toString()
    .replace(/\r?\n$/, '');
  if (value === '') throw new UsageError(`standard input is empty; ${setting} takes the value from it`);
  return value;
}

import type { Arguments } from '../command.ts';
import { Failure } from '../failure.ts';
import { Gateway } from '../gateway.ts';
import type { Answer } from '../gateway.ts';
import { interruptible } from '../interruption.ts';
import { layOut } from '../json-layout.ts';
import { readPayload } from '../payload.ts';
import { readProblem } from '../refusal.ts';
import { parseSpan } from '../span.ts';
import { printable } from '../terminal.ts';

/** The longest that a plugin's configuration can allow, and what the gateway adds. */
const longestMs = 3_600_000;
const graceMs = 10_000;

/** The invocation did not come as far as the plugin. */
const notArrived = new Set([
  'PLUGIN_NOT_FOUND',
  'CAPABILITY_NOT_FOUND',
  'PLUGIN_UNAVAILABLE',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'PAYLOAD_TOO_LARGE',
]);

/** `bkg invoke <plugin> <capability> [<payload>]`: the output of the plugin, byte by byte, on standard output. */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const gateway = new Gateway(args, env);
  const [plugin = '', capability = '', text] = args.words;
  const given = args.text('timeout');
  const timeoutMs = given === undefined ? undefined : parseSpan('timeout', given);
  return interruptible(async (signal) => {
    const body = await readPayload({ text, file: args.text('file') }, signal);
    // When the process is asked to end, the connection is closed, and that cancels the invocation.
    const answer = await gateway.request(
      `/api/plugins/${encodeURIComponent(plugin)}/invoke/${encodeURIComponent(capability)}`,
      {
        method: 'POST',
        body,
        signal,
        timeoutMs: (timeoutMs ?? longestMs) + graceMs,
        headers: {
          'content-type': 'application/json',
          ...(timeoutMs !== undefined && { 'bkg-timeout-ms': String(timeoutMs) }),
        },
      },
    );
    if (answer.status < 200 || answer.status >= 300) throw failureOf(gateway, answer, plugin);
    print(answer, args.isSet('raw'));
    return 0;
  });
}

function failureOf(gateway: Gateway, { status, headers, body }: Answer, plugin: string): Failure {
  const problem = readProblem(body, headers);
  if (problem) return gateway.refusal(problem, { plugin }, notArrived.has(problem.code) ? 1 : 3);
  return new Failure(
    `The answer has status ${status} and is no problem of bkg.`,
    'check the address (--url): is it the gateway, or something before it?',
  );
}

/** A terminal gets it laid out and made harmless; everybody else the bytes. */
function print({ headers, body }: Answer, isRaw: boolean): void {
  const { stdout } = process;
  if (isRaw || !stdout.isTTY) {
    stdout.write(body);
    return;
  }
  const text = body.toString();
  const isJson = /[/+]json\b/i.test(headers['content-type'] ?? '') && isValid(text);
  stdout.write(`${(isJson ? layOut(text) : text).split('\n').map(printable).join('\n')}\n`);
}

function isValid(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

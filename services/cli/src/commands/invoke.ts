import { writeAnswer } from '../answer.ts';
import { pluginPath } from '../api-paths.ts';
import type { Arguments } from '../command.ts';
import { executedCode, Failure } from '../failure.ts';
import { Gateway, NoAnswer } from '../gateway.ts';
import type { GatewayRequest } from '../gateway.ts';
import { interruptible } from '../interruption.ts';
import { outputFile, standardOutput } from '../output.ts';
import { readPayload } from '../payload.ts';
import type { Payload } from '../payload.ts';
import { Progress } from '../progress.ts';
import { parseSpan } from '../span.ts';

/** The longest that a plugin's configuration can allow, and what the gateway adds. */
const longestMs = 3_600_000;
const graceMs = 10_000;

/** `bkg invoke <plugin> <capability> [<payload>]`: the output of the plugin, byte by byte, on standard output or in a file. */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const gateway = new Gateway(args, env);
  const [plugin = '', capability = '', text] = args.words;
  const given = args.text('timeout');
  const timeoutMs = given === undefined ? undefined : parseSpan('timeout', given);
  const [file, into] = [args.text('file'), args.text('output')];
  return interruptible(async (signal) => {
    const payload = await readPayload({ text, file, contentType: args.text('content-type') }, signal);
    const output = into === undefined ? standardOutput : await outputFile(into);
    const isForPeople = into === undefined && process.stdout.isTTY && !args.isSet('raw');
    using upload = progressOf(payload);
    let isConnected = false;
    try {
      // When the process is asked to end, the connection is closed, and that cancels the invocation.
      await gateway.exchange(
        pluginPath(plugin, 'invoke', capability),
        {
          method: 'POST',
          body: upload.body,
          signal,
          onConnect: () => (isConnected = true),
          timeoutMs: (timeoutMs ?? longestMs) + graceMs,
          headers: {
            'content-type': payload.contentType,
            ...(args.isSet('stream') && { accept: 'text/event-stream, */*;q=0.1' }),
            ...(timeoutMs !== undefined && { 'bkg-timeout-ms': String(timeoutMs) }),
          },
        },
        async (answer) => {
          upload[Symbol.dispose]();
          await writeAnswer(answer, { gateway, plugin, output, isForPeople });
          await output.end();
        },
      );
    } catch (error) {
      await output.discard();
      throw isConnected && error instanceof NoAnswer ? perhapsExecuted(error) : error;
    }
    return 0;
  });
}

function perhapsExecuted(failure: NoAnswer): Failure {
  return new Failure(
    failure.message,
    `send it again only if it may be carried out twice; ${failure.remedy}`,
    {
      exitCode: executedCode,
      cause: failure,
    },
  );
}

/** What is sent, with a line about how much of it is. */
function progressOf({ body }: Payload): Disposable & { body: NonNullable<GatewayRequest['body']> } {
  if (Buffer.isBuffer(body)) return { body, [Symbol.dispose]: () => undefined };
  const progress = new Progress('sent', body.sizeBytes);
  return {
    body: { ...body, onSent: (bytes) => progress.add(bytes) },
    [Symbol.dispose]: () => progress[Symbol.dispose](),
  };
}

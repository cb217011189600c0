import { errorTable, essenceOf, jsonContentType } from '@bkg/sdk/protocol';
import type { ErrorCode, Problem } from '@bkg/sdk/protocol';
import { readEvents } from './event-stream.ts';
import { executedCode, Failure } from './failure.ts';
import { readAll } from './gateway.ts';
import type { Gateway, OpenAnswer } from './gateway.ts';
import { layOut } from './json-layout.ts';
import { isText } from './media-types.ts';
import type { Output } from './output.ts';
import { Progress } from './progress.ts';
import { readProblem } from './refusal.ts';
import { printable, printableLines } from './terminal.ts';

export interface AnswerOptions {
  gateway: Gateway;
  plugin: string;
  output: Output;
  /** The output is a terminal, and nobody wants it as it is. */
  isForPeople: boolean;
}

/** The invocation did not come as far as the plugin, if the plugin does not say it of one that itself has made. */
const notArrived: ReadonlySet<string> = new Set<ErrorCode>([
  'PLUGIN_NOT_FOUND',
  'CAPABILITY_NOT_FOUND',
  'PLUGIN_UNAVAILABLE',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'PAYLOAD_TOO_LARGE',
]);

/** Writes the answer of an invocation while it comes. @throws Failure */
export async function writeAnswer(answer: OpenAnswer, options: AnswerOptions): Promise<void> {
  const { status, headers, body } = answer;
  if (status < 200 || status >= 300) throw failureOf(await readAll(body), answer, options);
  const contentType = headers['content-type'] ?? jsonContentType;
  if (essenceOf(contentType) === 'text/event-stream') await writeEvents(answer, options);
  else if (options.isForPeople) await writeForPeople(body, contentType, options);
  else await writeBytes(answer, options);
}

function failureOf(body: Buffer, { status, headers }: OpenAnswer, options: AnswerOptions): Failure {
  const problem = readProblem(body, headers);
  if (problem) return refusalOf(problem, options);
  return new Failure(
    `The answer has status ${status} and is no problem of bkg.`,
    'check the address (--url): is it the gateway, or something before it?',
  );
}

function refusalOf(
  problem: Problem,
  { gateway, plugin }: AnswerOptions,
  exitCode = isUnexecuted(problem) ? 1 : executedCode,
): Failure {
  return gateway.refusal(problem, { plugin }, exitCode);
}

function isUnexecuted({ code, retryable }: Problem): boolean {
  if (!notArrived.has(code)) return false;
  // A plugin that passes on what another one has refused says that it is not to be sent again.
  return retryable || !errorTable[code as ErrorCode].retryable;
}

/** A terminal gets it laid out and made harmless. */
async function writeForPeople(
  body: AsyncIterable<Buffer>,
  contentType: string,
  { output, plugin }: AnswerOptions,
): Promise<void> {
  if (!isText(contentType))
    throw new Failure(
      `The output is ${printable(contentType)}, which is nothing for a terminal; the invocation was ended.`,
      'write it into a file with --output <file>, or send it to another program with a pipe; --raw prints it nevertheless.',
    );
  const text = (await readAll(untilCut(body, plugin, () => 'in its middle'))).toString();
  const isJson = /[/+]json\b/i.test(contentType) && isValid(text);
  await output.write(`${printableLines(isJson ? layOut(text) : text)}\n`);
}

async function writeBytes({ headers, body }: OpenAnswer, { output, plugin }: AnswerOptions): Promise<void> {
  const length = headers['content-length'];
  using progress = new Progress('received', length === undefined ? undefined : Number(length));
  let bytes = 0;
  for await (const piece of untilCut(body, plugin, () => `after ${bytes} bytes`)) {
    bytes += piece.length;
    progress.add(piece.length);
    await output.write(piece);
  }
}

/** A chunk a line, and the output as the last. */
async function writeEvents({ body }: OpenAnswer, options: AnswerOptions): Promise<void> {
  const { output, plugin, isForPeople } = options;
  let chunks = 0;
  const where = (): string => `after ${chunks} chunks`;
  for await (const { event, data } of readEvents(untilCut(body, plugin, where))) {
    if (event === 'error') {
      const problem = JSON.parse(data) as Problem;
      throw refusalOf(problem, options, chunks > 0 ? executedCode : undefined);
    }
    if (event !== 'chunk' && event !== 'result') continue;
    // JSON has line feeds between its parts only, never in them.
    const line = data.replaceAll(/[\r\n]/g, ' ');
    await output.write(`${isForPeople ? printable(line) : line}\n`);
    if (event === 'result') return;
    chunks += 1;
  }
  throw cutOff(plugin, where());
}

/** The gateway cuts the connection when an invocation fails in the middle of its answer. */
async function* untilCut(
  body: AsyncIterable<Buffer>,
  plugin: string,
  where: () => string,
): AsyncGenerator<Buffer> {
  try {
    yield* body;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
    throw cutOff(plugin, where(), error);
  }
}

function cutOff(plugin: string, where: string, cause?: unknown): Failure {
  return new Failure(
    `The answer was cut off ${where}: the invocation failed in its middle, or the gateway has ended.`,
    `\`bkg logs ${plugin}\` may say why.`,
    { exitCode: executedCode, cause },
  );
}

function isValid(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

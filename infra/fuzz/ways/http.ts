import { connect } from 'node:net';
import { bufferOf } from '../grammar/bytes.ts';
import type { Bytes } from '../grammar/bytes.ts';
import { bytesOf, httpGrammar, isWhole } from '../grammar/http.ts';
import type { HttpInput } from '../grammar/http.ts';
import { answerFlaws, outcomeOf } from '../rules/answers.ts';
import { readAnswers } from './http-answer.ts';
import type { Reading } from './http-answer.ts';
import type { Grounds } from './grounds.ts';
import type { Observation, Way } from './way.ts';

/** What nobody can answer is over when nothing has come for so long: then its sender sends nothing more, and says so. */
const quietMs = 200;
/** What is open then is a hang. An invocation of `target` takes 5 s at most, and what is read and thrown away 2 s. */
const overMs = 15_000;
/** Between two pieces of one input. */
const pauseMs = 5;

/** Sockets to the gateway's port, without anything that could correct what is sent. */
export async function httpWay(grounds: Grounds): Promise<Way<HttpInput>> {
  return {
    grammar: httpGrammar(grounds.routes),
    atOnce: 96,
    run: (input) => run(grounds, input),
    show: (input) => JSON.stringify(bytesOf(input).slice(0, 2_000)),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function run(grounds: Grounds, input: HttpInput): Promise<Observation> {
  const methods =
    input.raw === undefined
      ? input.requests.map(({ method }) => method)
      : [input.raw.slice(0, input.raw.indexOf(' '))];
  const isSure = isWhole(input) && input.requests.every(isPlain);
  const { reading, isClosed, isLate } = await exchange(grounds, input, methods, isSure);
  const { answers, rest } = reading;
  const flaws = answers.flatMap((answer) => answerFlaws(answer, grounds.secrets));
  if (isLate)
    flaws.push(
      `it has not ended within ${overMs} ms: ${answers.length} answers, then ${JSON.stringify(rest.slice(0, 200))}`,
    );
  if (rest !== '' && isClosed && !isLate && input.leaves === undefined)
    flaws.push(`something came that is no answer: ${JSON.stringify(rest.slice(0, 200))}`);
  if (isSure && answers.length === 0 && !isLate) flaws.push('the connection was closed without an answer');
  const end = isClosed ? ', closed' : '';
  return {
    outcomes:
      answers.length === 0 ? [`nothing${end}`] : answers.map((answer) => `${outcomeOf(answer)}${end}`),
    flaws,
  };
}

/** Nothing in it may make the gateway wait for more, or think that there is another request. */
function isPlain({ method, target, version, headers }: HttpInput['requests'][number]): boolean {
  const isNamed = headers.every(
    ([name, value]) =>
      /^[A-Za-z-]+$/.test(name) &&
      /^[ -~]*$/.test(value) &&
      !/^(?:upgrade|connection|expect|transfer-encoding|content-length|trailer)$/i.test(name),
  );
  return (
    isNamed &&
    version === 'HTTP/1.1' &&
    /^(?:GET|POST|PUT|PATCH|DELETE)$/.test(method) &&
    /^[!-~]+$/.test(target)
  );
}

interface Exchange {
  reading: Reading;
  isClosed: boolean;
  isLate: boolean;
}

function exchange(grounds: Grounds, input: HttpInput, methods: string[], isSure: boolean): Promise<Exchange> {
  const { port } = grounds;
  const bytes = bufferOf(grounds.fill(bytesOf(input)));
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const pieces: Buffer[] = [];
    let isClosed = false;
    let quiet: NodeJS.Timeout | undefined;
    const read = (): Reading =>
      readAnswers(Buffer.concat(pieces).toString('latin1') satisfies Bytes, methods, isClosed);
    const settle = (isLate: boolean): void => {
      clearTimeout(late);
      clearTimeout(quiet);
      socket.removeAllListeners().on('error', () => undefined);
      const reading = read();
      // A port that is in TIME_WAIT on our side cannot be taken again for a minute. One whose end is under way cannot be
      // reset: Node would keep it, and never end.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
      resolve({ reading, isClosed, isLate });
    };
    const late = setTimeout(() => settle(true), overMs);
    const wait = (): void => {
      clearTimeout(quiet);
      if (!isSure) quiet = setTimeout(() => socket.end(), quietMs);
    };
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece);
      const { answers, rest } = read();
      if (isSure && rest === '' && answers.length >= methods.length) settle(false);
      else wait();
    });
    const close = (): void => {
      if (isClosed) return;
      isClosed = true;
      settle(false);
    };
    socket.on('end', close).on('close', close);
    // A reset, of which `close` tells.
    socket.on('error', () => undefined);
    socket.on('connect', () => {
      const { splitAt, leaves } = input;
      socket.write(bytes.subarray(0, splitAt ?? bytes.length));
      if (splitAt !== undefined)
        setTimeout(() => void (socket.writable && socket.write(bytes.subarray(splitAt))), pauseMs);
      if (leaves === 'end') socket.end();
      if (leaves === 'reset') setTimeout(() => settle(false), pauseMs);
      wait();
    });
  });
}

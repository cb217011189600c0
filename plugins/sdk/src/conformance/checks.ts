import { errorEntryOf } from '../protocol/errors.ts';
import { heartbeatDefaultMs, isHeartbeatMs } from '../protocol/event.ts';
import { isInRange, jsonContentType, problemContentType } from '../protocol/content-type.ts';
import { headerNames } from '../protocol/headers.ts';
import { isRecord } from '../protocol/is-record.ts';
import { schemaOf } from '../protocol/schemas/index.ts';
import type { JsonSchema } from '../protocol/plugin.ts';
import { createValidator } from '../validator.ts';
import { describe, headerOf } from './answers.ts';
import type { Answer } from './answers.ts';
import { checkContract, checkEndpoints } from './descriptor-checks.ts';
import { checkPlace } from './place-checks.ts';
import type { Check } from './suite.ts';
import type { Sample, Target } from './target.ts';
import { Broken, NotTried } from './verdict.ts';

/** What "slow" work has to outlast, to tell apart whether the plugin or the work has ended. */
const slowLeastMs = 2_000;

const problemsOf = createValidator(schemaOf('Problem'));

export interface CheckContext {
  target: Target;
  /** What the case invokes, for its output schema. */
  sample: Sample | undefined;
}

/** @throws Broken when one of the answers is not what is expected; NotTried when they tell nothing */
export function check(one: Check, answers: readonly Answer[], context: CheckContext): void {
  if ('answers' in one) return checkCount(one.answers, answers);
  const real = answers.filter(({ isNoResponders }) => !isNoResponders);
  if ('failure' in one || 'success_or' in one || 'success' in one) {
    if (answers.length === 0) throw new Broken(expectation(one), 'no answer');
    for (const answer of answers) checkOutcome(one, answer, context);
    return;
  }
  if (real.length === 0)
    throw new Broken(expectation(one), answers.length > 0 ? 'no responders' : 'no answer');
  if ('whole' in one) return checkWhole(real, context);
  if ('took_ms' in one) {
    const [least, most] = one.took_ms;
    for (const answer of real)
      if (answer.afterMs < least || answer.afterMs > most)
        throw new Broken(`an answer after ${least} to ${most} ms`, describe(answer));
  } else if ('rhythm' in one) checkRhythm(one.rhythm, real);
  else if ('fits' in one) for (const answer of real) checkFits(one.fits, answer, context);
  else if ('header' in one) for (const answer of real) checkHeader(one, answer);
  else if ('endpoints' in one) for (const answer of real) checkEndpoints(answer, context.target);
  else if ('contract' in one) for (const answer of real) checkContract(answer, context.target);
  else checkPlace(one, real);
}

/** @throws NotTried when the work that should be slow was done so early that nothing can be said */
export function assertSlow([first]: readonly Answer[]): void {
  if (!first || first.isNoResponders || first.headers.size > 0 || first.afterMs >= slowLeastMs) return;
  const ms = Math.round(first.afterMs);
  throw new NotTried(
    `the work that should be slow was done after ${ms} ms: give some that takes 3 to 8 seconds`,
  );
}

function checkCount(wanted: number, answers: readonly Answer[]): void {
  const real = answers.filter(({ isNoResponders }) => !isNoResponders);
  if (real.length === wanted) return;
  const got = answers.map(describe).join('; ');
  throw new Broken(countOf(wanted), `${countOf(real.length)}${got && `: ${got}`}`);
}

function countOf(n: number): string {
  return n === 0 ? 'no answer' : n === 1 ? 'one answer' : `${n} answers`;
}

function expectation(one: Check): string {
  if ('success' in one) return 'an output (JSON, or bytes of bkg.output_type), without error headers';
  if ('header' in one) return `${one.header}: ${one.equals}`;
  if ('success_or' in one) return `an output as JSON, or ${one.success_or.join(', ')}`;
  if ('failure' in one) {
    const codes = one.failure.map((code) => {
      const number = errorEntryOf(code)?.number;
      return number === undefined ? code : `${code} (${number})`;
    });
    return `${codes.join(' or ')}, with both error headers and a problem as body`;
  }
  if ('fits' in one) return one.fits === 'output' ? 'what fits the output schema' : `a valid ${one.fits}`;
  if ('at' in one) return `something at ${one.at}`;
  return 'an answer';
}

function isOutput(answer: Answer, outputType: string | undefined): boolean {
  if (outputType === undefined) return answer.json !== undefined;
  return isInRange(headerOf(answer, headerNames.contentType) ?? jsonContentType, outputType);
}

/** The answer to a request for a stream that did not ask for chunks. */
function checkWhole(answers: readonly Answer[], context: CheckContext): void {
  if (context.sample?.capability.chunkType !== undefined)
    return check({ failure: ['INVALID_PAYLOAD'] }, answers, context);
  for (const answer of answers)
    if (headerOf(answer, headerNames.seq) !== undefined || headerOf(answer, headerNames.end) !== undefined)
      throw new Broken('the output alone, without Bkg-Seq', describe(answer));
  check({ answers: 1 }, answers, context);
  check({ success: true }, answers, context);
  check({ fits: 'output' }, answers, context);
}

function checkHeader({ header, equals }: Extract<Check, { header: string }>, answer: Answer): void {
  if (headerOf(answer, header) !== equals) throw new Broken(`${header}: ${equals}`, describe(answer));
}

type OutcomeCheck = Extract<Check, { success: true } | { success_or: string[] } | { failure: string[] }>;

function checkOutcome(one: OutcomeCheck, answer: Answer, { sample }: CheckContext): void {
  const expected = expectation(one);
  const allowed = 'failure' in one ? one.failure : 'success_or' in one ? one.success_or : [];
  if (answer.isNoResponders) {
    if (allowed.includes('NO_RESPONDERS')) return;
    throw new Broken(expected, describe(answer));
  }
  const hasFailed = [headerNames.error, headerNames.errorCode].some((name) => answer.headers.has(name));
  if (!hasFailed) {
    if ('failure' in one || !isOutput(answer, sample?.capability.outputType))
      throw new Broken(expected, describe(answer));
    return;
  }
  const wrong = wrongInFailure(answer);
  if (wrong) throw new Broken(expected, `${wrong}: ${describe(answer)}`);
  const { code } = answer.json as { code: string };
  if (allowed.includes(code)) return;
  const isOwnFault = code === 'INTERNAL' || code === 'INVALID_OUTPUT';
  if ('success' in one && sample && !sample.isGiven && !isOwnFault) {
    const made = sample.upload
      ? `an upload of ${sample.upload.body.length} bytes was made for ${sample.capability.id}`
      : `a payload was made from the schema of ${sample.capability.id}, ${JSON.stringify(sample.payload)}`;
    throw new NotTried(`${made}, and the plugin refuses it with ${code}: give one that works`);
  }
  throw new Broken(expected, describe(answer));
}

/** What is wrong with the form of a failure; undefined when it has the protocol's. */
function wrongInFailure({ headers, json }: Answer): string | undefined {
  const problems = problemsOf(json);
  if (problems.length > 0)
    return `its body is no problem, ${problems[0]?.path || 'it'} ${problems[0]?.message}`;
  const { code, status } = json as { code: string; status: number };
  const [line = '', ...more] = headers.get(headerNames.error) ?? [];
  if (more.length > 0 || !line.startsWith(`${code}: `) || line.length > 200 || !/^[\x20-\x7e]*$/.test(line))
    return `its ${headerNames.error} is not "${code}: …" in one line of at most 200 printable ASCII characters`;
  if (headers.get(headerNames.errorCode)?.join() !== String(status))
    return `its ${headerNames.errorCode} is not the status of the problem, ${status}`;
  if (headers.get(headerNames.contentType)?.join() !== problemContentType)
    return `its ${headerNames.contentType} is not ${problemContentType}`;
  const known = errorEntryOf(code);
  if (known && known.number !== status) return `the number of ${code} is ${known.number}`;
  return undefined;
}

function checkFits(
  name: Extract<Check, { fits: unknown }>['fits'],
  answer: Answer,
  { sample }: CheckContext,
): void {
  // There is no schema of bytes.
  if (name === 'output' && sample?.capability.outputType !== undefined) return;
  const schema: JsonSchema = name === 'output' ? (sample?.capability.output ?? true) : schemaOf(name);
  const [first] =
    answer.json === undefined ? [{ path: '', message: 'is no JSON' }] : createValidator(schema)(answer.json);
  if (first)
    throw new Broken(
      expectation({ fits: name }),
      `${first.path || 'it'} ${first.message}: ${describe(answer)}`,
    );
}

function checkRhythm([least, most]: [number, number], beats: readonly Answer[]): void {
  for (const [i, beat] of beats.entries()) {
    const before = beats[i - 1];
    if (!before) continue;
    const everyMs = everyMsOf(before);
    // Told meanwhile to beat in another time, it does so at once.
    if (everyMs !== everyMsOf(beat)) continue;
    const apartMs = beat.afterMs - before.afterMs;
    if (apartMs >= least * everyMs && apartMs <= most * everyMs) continue;
    const expected = `${least * everyMs} to ${most * everyMs} ms from one to the next`;
    throw new Broken(expected, `${Math.round(apartMs)} ms`);
  }
}

/** Whether it is a heartbeat that says when the next one comes. */
export function saysItsRhythm({ json }: Answer): boolean {
  return isRecord(json) && json['every_ms'] !== undefined;
}

/** After how long the next heartbeat comes, as this one says. */
export function everyMsOf({ json }: Answer): number {
  const everyMs = isRecord(json) ? json['every_ms'] : undefined;
  return isHeartbeatMs(everyMs) ? everyMs : heartbeatDefaultMs;
}

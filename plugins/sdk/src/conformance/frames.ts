import { isInRange, isJsonContentType } from '../protocol/content-type.ts';
import { headerNames } from '../protocol/headers.ts';
import { isFlowOf } from '../protocol/subjects.ts';
import { createValidator } from '../validator.ts';
import type { Validator } from '../validator.ts';
import { describe, headerOf } from './answers.ts';
import type { Answer } from './answers.ts';
import type { Target, TargetCapability } from './target.ts';
import { Broken } from './verdict.ts';

/** Whether nothing may come after it: the last frame of a stream, or a whole answer. */
export function isLast(answer: Answer): boolean {
  return headerOf(answer, headerNames.end) !== undefined || headerOf(answer, headerNames.seq) === undefined;
}

/** The frames of one stream, looked at one after the other: numbers, reply subjects, chunks, and nothing after the last. */
export class FrameChecks {
  readonly #target: Target;
  readonly #capability: TargetCapability;
  readonly #problemsOf: Validator;
  #checked = 0;
  #last: Answer | undefined;

  constructor(target: Target, capability: TargetCapability) {
    this.#target = target;
    this.#capability = capability;
    this.#problemsOf = createValidator(capability.chunk);
  }

  get last(): Answer | undefined {
    return this.#last;
  }

  /** How many chunks were right. */
  get chunks(): number {
    return this.#checked - (this.#last ? 1 : 0);
  }

  /** @param frames all that have come @throws Broken */
  check(frames: readonly Answer[]): void {
    for (const frame of frames.slice(this.#checked)) {
      if (this.#last) throw new Broken('nothing after the last frame', describe(frame));
      if (isLast(frame)) {
        checkLast(frame, this.#checked);
        this.#last = frame;
      } else {
        checkChunk(frame, this.#checked, this.#target);
        checkBody(frame, this.#checked, this.#capability, this.#problemsOf);
      }
      this.#checked += 1;
    }
  }
}

function checkChunk(frame: Answer, i: number, { id, instances }: Target): void {
  checkNumber(frame, headerNames.seq, i);
  const isFlow = frame.reply !== undefined && isFlowOf(id, frame.reply);
  if (!isFlow || !instances.includes(frame.reply?.split('.')[3] ?? ''))
    throw new Broken(
      `plugin.${id}.flow.<instance>.<token> as the reply subject of chunk ${i}`,
      frame.reply ?? 'none',
    );
  if (
    headerOf(frame, headerNames.error) !== undefined ||
    headerOf(frame, headerNames.errorCode) !== undefined
  )
    throw new Broken('a failure in the last frame only', describe(frame));
}

function checkBody(frame: Answer, i: number, { chunkType }: TargetCapability, problemsOf: Validator): void {
  const type = headerOf(frame, headerNames.contentType);
  if (chunkType !== undefined) {
    if (i === 0 && (type === undefined || !isInRange(type, chunkType)))
      throw new Broken(`${chunkType} as the Content-Type of the first chunk`, type ?? 'none');
    return;
  }
  if (!isJsonContentType(type)) throw new Broken('chunks of JSON', `${type} in ${describe(frame)}`);
  const [first] = frame.json === undefined ? [{ path: '', message: 'is no JSON' }] : problemsOf(frame.json);
  if (first)
    throw new Broken(
      'chunks that fit bkg.chunk_schema',
      `${first.path || 'it'} ${first.message}: ${describe(frame)}`,
    );
}

function checkLast(frame: Answer, i: number): void {
  // The whole answer: nothing was streamed.
  if (i === 0 && headerOf(frame, headerNames.seq) === undefined) return;
  checkNumber(frame, headerNames.seq, i);
  checkNumber(frame, headerNames.end, i + 1);
  if (frame.reply !== undefined) throw new Broken('no reply subject on the last frame', frame.reply);
}

function checkNumber(frame: Answer, header: string, wanted: number): void {
  if (headerOf(frame, header) !== String(wanted)) throw new Broken(`${header}: ${wanted}`, describe(frame));
}

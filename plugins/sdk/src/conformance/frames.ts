import { isInRange, isJsonContentType } from '../protocol/content-type.ts';
import { headerNames } from '../protocol/headers.ts';
import { isFlowOf } from '../protocol/subjects.ts';
import { createValidator } from '../validator.ts';
import { describe, headerOf } from './answers.ts';
import type { Answer } from './answers.ts';
import type { Target, TargetCapability } from './target.ts';
import { Broken } from './verdict.ts';

/** Whether nothing may come after it: the last frame of a stream, or a whole answer. */
export function isLast(answer: Answer): boolean {
  return headerOf(answer, headerNames.end) !== undefined || headerOf(answer, headerNames.seq) === undefined;
}

/** A stream so far, its last frame included when it has come: numbers, reply subjects and chunks. @throws Broken */
export function checkFrames(frames: readonly Answer[], target: Target, capability: TargetCapability): void {
  for (const [i, frame] of frames.entries()) {
    const after = frames[i + 1];
    if (!isLast(frame)) checkChunk(frame, i, target, capability);
    else if (after) throw new Broken('nothing after the last frame', describe(after));
    else checkLast(frame, i);
  }
}

function checkChunk(frame: Answer, i: number, target: Target, capability: TargetCapability): void {
  checkNumber(frame, headerNames.seq, i);
  const { id, instances } = target;
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
  checkBody(frame, i, capability);
}

function checkBody(frame: Answer, i: number, { chunk, chunkType }: TargetCapability): void {
  const type = headerOf(frame, headerNames.contentType);
  if (chunkType !== undefined) {
    if (i === 0 && (type === undefined || !isInRange(type, chunkType)))
      throw new Broken(`${chunkType} as the Content-Type of the first chunk`, type ?? 'none');
    return;
  }
  if (!isJsonContentType(type)) throw new Broken('chunks of JSON', `${type} in ${describe(frame)}`);
  const [first] =
    frame.json === undefined ? [{ path: '', message: 'is no JSON' }] : createValidator(chunk)(frame.json);
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

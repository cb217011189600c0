import { describe, expect, it } from 'vitest';
import {
  assertHeaders,
  contentTypeOf,
  streamWindowOf,
  uploadHeadersOf,
} from '../../src/invocation-headers.ts';
import { problemOfMsg, problemReply, retryAfterOf } from '../../src/problem.ts';
import { BkgError, errorTable, isProblem, problemOf } from '../../src/protocol/errors.ts';
import { headerNames, timeoutMostMs } from '../../src/protocol/headers.ts';
import { isSubjectToken } from '../../src/protocol/names.ts';
import { readChunkPlace, readUploadSize, readWindow, windowMost } from '../../src/protocol/stream.ts';
import { createRandom, mutate } from '../../src/testing/random.ts';
import type { Random } from '../../src/testing/random.ts';
import { bytes } from '../../src/bytes.ts';
import { message } from './message.ts';

const values = [
  ...[
    '',
    '-',
    '0',
    '1',
    '-1',
    '32',
    '1024',
    '1025',
    '1e3',
    '0x10',
    '999999999',
    '9999999999',
    '1.5',
    ' 1',
    '+1',
    '٣',
  ],
  ...[
    '_INBOX.a.b',
    'a',
    '*.>',
    'a..b',
    'a b.c',
    'application/json',
    'APPLICATION/JSON; charset=utf-8',
    'image/png',
  ],
  ...[
    'image/*',
    '*/*',
    'text',
    'x'.repeat(300),
    'null',
    '200',
    '400',
    '429',
    '503',
    '599',
    '999',
    '4e2',
    '\0',
    'ä.b',
  ],
];
const names = Object.values(headerNames);

function randomHeaders(random: Random): Record<string, string> {
  const value = (): string =>
    random.below(3) === 0 ? random.text('0123456789abc-_.*> /;ä\0', 12) : random.pick(values);
  return Object.fromEntries(Array.from({ length: random.below(8) }, () => [random.pick(names), value()]));
}

/** What it reads, or undefined when it refuses as it may. */
function refusing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof BkgError && error.code === 'INVALID_PAYLOAD') return undefined;
    throw error;
  }
}

const eachSeed = (most: number, check: (random: Random) => void): void => {
  for (let seed = 1; seed <= most; seed += 1) check(createRandom(seed));
};

describe('headers that anybody may have written', () => {
  it('are read or refused with INVALID_PAYLOAD, and what is read is within its bounds', () => {
    eachSeed(5_000, (random) => {
      const headers = randomHeaders(random);
      const msg = message(headers, random.pick(['', '{}']));
      const read = new Map(Object.entries(headers));
      const areTaken = refusing(() => (assertHeaders(read), true)) ?? false;
      const [id, timeout] = [headers[headerNames.invocationId], headers[headerNames.timeoutMs]];
      const isRight =
        (!id || isSubjectToken(id)) &&
        (!timeout || (/^[0-9]+$/.test(timeout) && timeout.length <= 9 && Number(timeout) <= timeoutMostMs));
      expect(areTaken, JSON.stringify(headers)).toBe(isRight);
      const window = refusing(() => streamWindowOf(read));
      if (window !== undefined) expect(window >= 1 && window <= windowMost).toBe(true);
      const upload = refusing(() => uploadHeadersOf(read, msg.data.length));
      if (upload) {
        expect(upload.flow).toMatch(/^[^\s.*>]+(?:\.[^\s.*>]+)+$/);
        expect(upload.sizeBytes ?? 0).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
        expect(msg.data).toHaveLength(0);
      }
      const [json, image] = [undefined, bytes('image/*')].map((shape) =>
        refusing(() => contentTypeOf(read, shape)),
      );
      if (json) expect(json.toLowerCase()).toMatch(/^\s*application\/json/);
      if (image !== undefined) expect(image).toMatch(/^image\/[^*]+$/);
    });
  });

  it('that number chunks and sizes are whole numbers, or nothing', () => {
    eachSeed(4_000, (random) => {
      const [seq, end] = [random, random].map(({ below, pick, text }) =>
        below(2) === 0 ? String(below(4)) : pick([...values, text('0123456789-+e. ', 17)]),
      );
      const place = readChunkPlace(seq, end);
      if (place) {
        expect(String(place.seq)).toBe(String(BigInt(seq ?? '')));
        expect(place.end).toBe(end === '' ? undefined : place.seq + 1);
      } else expect(/^[0-9]{1,15}$/.test(seq ?? '') && end === '').toBe(false);
      const size = readUploadSize(seq ?? '');
      expect(size === undefined || size === 'unknown' || Number.isSafeInteger(size)).toBe(true);
      expect(readWindow(seq ?? '') ?? 1).toBeLessThanOrEqual(windowMost);
    });
  });
});

describe('a failed reply that anybody may have sent', () => {
  const known = problemOf('BUSY', errorTable.BUSY, 'Later.', [{ path: '/a', message: 'is not' }]);

  it('is a problem that can be passed on when its header says that it failed, and never throws', () => {
    eachSeed(4_000, (random) => {
      const headers = randomHeaders(random);
      const body = random.pick(['', '{', 'null', JSON.stringify(mutate(random, known))]);
      const msg = message(headers, body);
      const problem = problemOfMsg(msg);
      expect(problem !== undefined).toBe(Boolean(headers[headerNames.errorCode]));
      expect(retryAfterOf(msg) ?? 1).toBeGreaterThan(0);
      if (!problem) return;
      expect(isProblem(problem), `${JSON.stringify(headers)} ${body}`).toBe(true);
      const passedOn = BkgError.from(problem).problem;
      expect(isProblem(passedOn)).toBe(true);
      expect(passedOn).toMatchObject({ code: problem.code, status: problem.status });
    });
  });

  it('says the same when it is sent on, in one line of ASCII', () => {
    eachSeed(1_000, ({ text, pick }) => {
      const code = pick(['BUSY', 'INTERNAL', 'CONFLICT'] as const);
      const problem = problemOf(code, errorTable[code], text('aä\n\r\0😀"\\: ', 300));
      const { data, headers } = problemReply(problem);
      for (const value of Object.values(headers)) expect(value).toMatch(/^[\x20-\x7e]*$/);
      expect(problemOfMsg(message(headers, data as string))).toEqual(problem);
    });
  });
});

import { headerNames } from '../../src/protocol/index.ts';
import type { Flaw } from './flaws.ts';
import { altered } from './saboteur.ts';
import type { Frame, Headers, Sabotage } from './saboteur.ts';
import { deaf, onJson, onReply, seenAs, seenAsHeld, withHeader } from './sabotages.ts';

const isFlow = /^plugin\.[^.]+\.flow\./;
const ofCount = /invoke\.count$/;
const ofWeigh = /invoke\.weigh$/;
const ofWait = /invoke\.wait$/;

const onChunk = (change: (chunk: Frame) => Frame[]): Sabotage => ({
  frame: (frame) => (frame.headers[headerNames.seq] === undefined ? [frame] : change(frame)),
});

const onCredit = (change: (credit: Frame) => Frame[]): Sabotage => ({
  frame: (frame) => (frame.headers[headerNames.seq] === undefined ? change(frame) : [frame]),
});

const onHeaders = (subject: RegExp, change: (headers: Headers) => Headers): Sabotage =>
  onReply(subject, (reply) => [{ ...reply, headers: change(reply.headers ?? {}) }]);

const seqOf = ({ headers }: Frame): number => Number(headers[headerNames.seq]);

/** The plugin does not hear what its caller says on the flow subject of a stream. */
const deafToFlow = (isHeard: (text: string, status: number | undefined) => boolean): Sabotage => ({
  request: (msg) => (isFlow.test(msg.subject) && !isHeard(msg.string(), msg.headers?.code) ? undefined : msg),
});

/** It sees every chunk of an upload as the one that is due. */
function renumbered(): Sabotage {
  const counts = new Map<string, number>();
  return {
    request: (msg) => {
      if (!isFlow.test(msg.subject) || !msg.headers?.has(headerNames.seq)) return msg;
      const seq = counts.get(msg.subject) ?? 0;
      counts.set(msg.subject, seq + 1);
      msg.headers.set(headerNames.seq, String(seq));
      return msg;
    },
  };
}

/** It takes any subject for one of an inbox, and publishes there. */
function creditAnywhere(): Sabotage {
  let asked = '';
  return {
    request: (msg) => {
      asked = msg.headers?.get(headerNames.flow) ?? asked;
      return withHeader(headerNames.flow, '_INBOX.anywhere').request?.(msg);
    },
    ...onCredit((credit) => [{ ...credit, to: asked }]),
  };
}

/** It takes what was sent again for another's. */
function withReplyOfItsOwn(): Sabotage {
  let count = 0;
  return {
    request: (msg) =>
      ofWait.test(msg.subject) ? altered(msg, { reply: `_INBOX.of.its.own.${++count}` }) : msg,
  };
}

/** Its rules about streams, uploads and places: which is broken, the case that must find it, and how it is broken. */
export const flowFlaws: Flaw[] = [
  [
    'numbers its chunks from 1',
    'stream',
    onChunk((chunk) => [
      { ...chunk, headers: { ...chunk.headers, [headerNames.seq]: String(seqOf(chunk) + 1) } },
    ]),
  ],
  ['leaves a chunk out', 'stream', onChunk((chunk) => (seqOf(chunk) === 3 ? [] : [chunk]))],
  ['sends each chunk twice', 'stream', onChunk((chunk) => [chunk, chunk])],
  ['names no subject for credit', 'stream', onChunk((chunk) => [{ ...chunk, reply: undefined }])],
  [
    'names a foreign subject for credit',
    'stream',
    onChunk((chunk) => [{ ...chunk, reply: 'plugin.other.flow.i.x' }]),
  ],
  ['streams what its schema forbids', 'stream', onChunk((chunk) => [{ ...chunk, body: '{"n":"one"}' }])],
  [
    'does not say how many chunks there were',
    'stream',
    onHeaders(ofCount, (headers) => ({ ...headers, [headerNames.end]: undefined })),
  ],
  [
    'counts the last frame not',
    'stream',
    onHeaders(ofCount, (headers) => ({ ...headers, [headerNames.end]: headers[headerNames.seq] })),
  ],
  ['goes on after the last frame', 'stream', onReply(ofCount, (reply) => [reply, reply])],
  ['ends a stream with what is no output', 'stream', onReply(ofCount, (r) => [{ ...r, body: '{}' }])],
  ['does not stream', 'window', withHeader(headerNames.stream)],
  ['sends more than it has credit for', 'window', withHeader(headerNames.stream, '1024')],
  [
    'sends one more than it has credit for',
    'window',
    {
      request: (msg) => {
        const window = Number(msg.headers?.get(headerNames.stream));
        return withHeader(headerNames.stream, String(window + 1)).request?.(msg);
      },
    },
  ],
  ['hears no credit', 'window', deafToFlow((text) => !text.includes('credit'))],
  ['takes anything for credit', 'flow-of-no-use', seenAs(isFlow, '{"credit":1}')],
  [
    'streams to who does not ask for it',
    'stream-without-window',
    {
      request: (msg) => {
        if (!ofCount.test(msg.subject)) return msg;
        msg.headers?.set(headerNames.stream, '8');
        return msg;
      },
      ...onHeaders(ofCount, (headers) => ({ ...headers, [headerNames.seq]: '0', [headerNames.end]: '1' })),
    },
  ],
  ['takes any window', 'window-wrong', withHeader(headerNames.stream, '8')],
  [
    'hears no cancellation on the flow subject',
    'stream-cancel-flow',
    deafToFlow((text) => !text.includes('cancel')),
  ],
  ['hears no cancel of a stream', 'stream-cancel', deaf(/\.cancel$/)],
  ['holds a stream for ever', 'stream-cancel', seenAsHeld()],
  ['does not look at the time of a stream', 'stream-deadline', withHeader(headerNames.timeoutMs)],
  [
    'has no stream in flight',
    'stream-held',
    onJson(/\.inflight$/, (json) => ({ ...json, invocation_ids: [] })),
  ],
  [
    'does not notice that its reader has gone',
    'stream-reader-gone',
    deafToFlow((_, status) => status !== 503),
  ],
  ['answers an upload with what is no output', 'upload', onReply(ofWeigh, (r) => [{ ...r, body: '{}' }])],
  ['answers an upload twice', 'upload', onReply(ofWeigh, (reply) => [reply, reply])],
  ['gives no credit', 'upload', onCredit(() => [])],
  ['wants to know the length', 'upload-unknown-length', withHeader(headerNames.upload, '7')],
  [
    'gives credit for everything at once',
    'upload-credit',
    onCredit((credit) => [{ ...credit, body: '{"credit":1000000}' }]),
  ],
  ['names no subject for its chunks', 'upload-credit', onCredit((c) => [{ ...c, reply: undefined }])],
  ['gives credit that is none', 'upload-credit', onCredit((c) => [{ ...c, body: '{"credit":"8"}' }])],
  ['takes chunks in any order', 'upload-order', renumbered()],
  ['takes any number of bytes', 'upload-size', withHeader(headerNames.upload, '-')],
  ['waits for what it will not take', 'upload-too-large', withHeader(headerNames.upload, '-')],
  ['takes anything for a length', 'upload-wrong', withHeader(headerNames.upload, '-')],
  ['gives credit wherever it is told to', 'upload-foreign-flow', creditAnywhere()],
  ['does not see that an upload comes', 'upload-not-taken', withHeader(headerNames.upload)],
  ['hears no cancel of an upload', 'upload-cancel', deaf(/\.cancel$/)],
  ['does not look at the time of an upload', 'upload-deadline', withHeader(headerNames.timeoutMs)],
  [
    'does not say which instance is busy',
    'busy',
    onHeaders(ofWait, (headers) => ({ ...headers, [headerNames.instance]: undefined })),
  ],
  [
    'says that being busy is for ever',
    'busy',
    onReply(ofWait, (r) => [{ ...r, body: r.body.replace('"retryable":true', '"retryable":false') }]),
  ],
  ['holds what it has refused', 'busy', seenAsHeld()],
  ['says that nothing waits', 'queue-depth', onJson(/\.telemetry$/, (json) => ({ ...json, queue_depth: 0 }))],
  ['says that nothing is held', 'queue-depth', onJson(/\.telemetry$/, (json) => ({ ...json, in_flight: 1 }))],
  ['hears no cancel of what waits', 'places-back', deaf(/\.cancel$/)],
  ['runs again what was sent again', 'answered-again', withHeader(headerNames.invocationId)],
  ['refuses what was sent again while it runs', 'sent-again', withReplyOfItsOwn()],
  ['takes nothing any more once it was full', 'places-back', deaf(/invoke\.text/)],
];

import type { DroppedFrame, ErrorFrame, HelloFrame, Topic, UnsubscribedFrame } from '@bkg/sdk';

/** A frame to a client: what is its own around what all clients share, which is encoded once. */
export interface OutFrame {
  head: string;
  body: Uint8Array;
  tail: string;
}

const nothing = new Uint8Array(0);
export const nullBody = Buffer.from('null');
export const emptyList = Buffer.from('[]');

export function plainFrame(frame: HelloFrame | ErrorFrame | UnsubscribedFrame | DroppedFrame): OutFrame {
  return plainText(JSON.stringify(frame));
}

/** @param text the whole frame, as JSON */
export function plainText(text: string): OutFrame {
  return { head: text, body: nothing, tail: '' };
}

export function snapshotFrame(id: string, topic: Topic, seq: number, body: Uint8Array): OutFrame {
  return { head: `{"type":"snapshot",${ofTopic(id, topic, seq)},"snapshot":`, body, tail: '}' };
}

export function dataFrame(id: string, topic: Topic, seq: number, body: Uint8Array): OutFrame {
  return { head: `{"type":"data",${ofTopic(id, topic, seq)},"data":`, body, tail: '}' };
}

/** `{plugin: …}`, as the topic `plugins` has it. */
export function pluginFrame(id: string, seq: number, body: Uint8Array): OutFrame {
  return { head: `{"type":"data",${ofTopic(id, 'plugins', seq)},"data":{"plugin":`, body, tail: '}}' };
}

export function resultFrame(id: string, invocationId: string, output: Uint8Array): OutFrame {
  const head = `{"type":"result","id":${JSON.stringify(id)},"invocation_id":${JSON.stringify(invocationId)},"output":`;
  return { head, body: output, tail: '}' };
}

export function chunkFrame(id: string, invocationId: string, seq: number, chunk: Uint8Array): OutFrame {
  const head = `{"type":"chunk","id":${JSON.stringify(id)},"invocation_id":${JSON.stringify(invocationId)},"seq":${seq},"chunk":`;
  return { head, body: chunk, tail: '}' };
}

/** Near enough for a bound: characters beyond ASCII count as one. */
export function frameBytes({ head, body, tail }: OutFrame): number {
  return head.length + body.length + tail.length;
}

function ofTopic(id: string, topic: Topic, seq: number): string {
  return `"id":${JSON.stringify(id)},"topic":"${topic}","seq":${seq}`;
}

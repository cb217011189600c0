import type { Socket } from 'node:net';
import type { Msg } from '@nats-io/nats-core';
import { expect } from 'vitest';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { createValidator, schemaOf, subjects } from '@bkg/sdk';
import type { GatewayFrame, LogRecord } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import type { TestMesh } from './mesh.ts';

export type FrameOf<Type extends GatewayFrame['type']> = Extract<GatewayFrame, { type: Type }>;

/** Of each client: enough for frames of every kind, and quick also where there are many thousand. */
const validatedMost = 300;
const misfitOf = createValidator(schemaOf('GatewayFrame'));

/** A client of `/ws` that keeps everything it is sent. */
export interface WsPeer extends AsyncDisposable {
  socket: WebSocket;
  /** The connection below: paused, it is a client that does not read. */
  tcp: Socket;
  frames: GatewayFrame[];
  texts: string[];
  /** The frames of one type; with the id that they have. */
  of: <Type extends GatewayFrame['type']>(type: Type, id?: string) => FrameOf<Type>[];
  send: (frame: unknown) => void;
  /** Sends it and waits for the first frame of that type and with its id. */
  ask: <Type extends GatewayFrame['type']>(
    frame: { id: string; [member: string]: unknown },
    type: Type,
  ) => Promise<FrameOf<Type>>;
  gateway: string;
  closed: Promise<{ code: number; reason: string }>;
}

export async function connectWs(of: Pick<TestMesh, 'port'>, options: ClientOptions = {}): Promise<WsPeer> {
  const socket = new WebSocket(`ws://127.0.0.1:${of.port}/ws`, options);
  const frames: GatewayFrame[] = [];
  const texts: string[] = [];
  const misfits: unknown[] = [];
  socket.on('message', (data: Buffer, isBinary) => {
    texts.push(data.toString());
    const frame = JSON.parse(data.toString()) as GatewayFrame;
    frames.push(frame);
    const errors = frames.length <= validatedMost ? misfitOf(frame) : [];
    if (errors.length > 0 || isBinary) misfits.push({ frame, errors });
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  const ofType = <Type extends GatewayFrame['type']>(type: Type, id?: string): FrameOf<Type>[] =>
    frames.filter(
      (frame): frame is FrameOf<Type> =>
        frame.type === type && (id === undefined || ('id' in frame && frame.id === id)),
    );
  const send = (frame: unknown): void => socket.send(JSON.stringify(frame));
  await eventually(() => ofType('hello').length === 1);
  return {
    socket,
    tcp: (socket as unknown as { _socket: Socket })._socket,
    frames,
    texts,
    of: ofType,
    send,
    ask: async (frame, type) => {
      const before = ofType(type, frame.id).length;
      send(frame);
      return eventually(() => ofType(type, frame.id)[before]);
    },
    gateway: ofType('hello')[0]?.gateway ?? '',
    closed,
    [Symbol.asyncDispose]: async () => {
      socket.terminate();
      await closed;
      // Every frame of every test has the shape that the protocol gives it.
      expect(misfits).toEqual([]);
    },
  };
}

/** Publishes a log event of an instance. */
export function say(mesh: TestMesh, id: string, message: string, fields: Partial<LogRecord> = {}): void {
  const record = { time: new Date().toISOString(), level: 'info', source: 'sdk', message, ...fields };
  mesh.peer.publish(subjects.event(id, `${id}-1`, 'log'), JSON.stringify(record));
}

/** The ids of invocations that a plugin is told to give up. */
export async function cancelsOf(mesh: TestMesh, id: string): Promise<string[]> {
  const ids: string[] = [];
  mesh.peer.subscribe(subjects.cancel(id), {
    callback: (_error, msg: Msg) => void ids.push(msg.json<{ invocation_id: string }>().invocation_id),
  });
  await mesh.peer.nats.flush();
  return ids;
}

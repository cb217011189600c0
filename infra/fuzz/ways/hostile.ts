import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:net';
import { eventually } from '@bkg/sdk/testing';
import { frameBytes } from '../grammar/socket.ts';
import { hostileCapabilities, hostileGrammar } from '../grammar/hostile.ts';
import type { HostileCall, HostileDescriptor, HostileInput, HostileReply } from '../grammar/hostile.ts';
import { answerFlaws, outcomeOf } from '../rules/answers.ts';
import { frameFlaws, frameOutcomes } from '../rules/frames.ts';
import type { Grounds } from './grounds.ts';
import { readAnswers } from './http-answer.ts';
import { headerOf } from '../rules/replies.ts';
import { RawNats } from './raw-nats.ts';
import type { RawMessage } from './raw-nats.ts';
import { readFrames } from './socket-reader.ts';
import { shortened } from './shortened.ts';
import type { Observation, Way } from './way.ts';

const plugin = 'hostile';
const hostileInstance = 'hostile1';
const heartbeatMs = 2_000;
/** What is asked for is given up then; the answer comes soon after. */
const timeoutMs = 400;
const overMs = 15_000;
const registeredMs = 20_000;
const hostile = { isHostile: true };

/** A plugin that is none: what it answers, and what it says of itself, is the input. */
export async function hostileWay(grounds: Grounds): Promise<Way<HostileInput>> {
  const client = await RawNats.connect(grounds.busPort, grounds.credentials);
  /** By invocation id. */
  const scripts = new Map<string, HostileReply[]>();
  /** What is answered to `$SRV.INFO`, by plugin. */
  const infos = new Map<string, string>([[plugin, ownInfo()]]);
  client.onMessage = (message) => {
    if (message.subject.startsWith('$SRV.')) describe(client, infos, message);
    else act(client, scripts, message);
  };
  client.subscribe(`plugin.${plugin}.invoke.>`, 1, 'q');
  client.subscribe('$SRV.INFO.>', 2);
  const beat = (): void => say(client, plugin, hostileInstance);
  const heart = setInterval(beat, heartbeatMs);
  beat();
  await eventually(
    async () => (await ask(grounds, `/api/plugins/${plugin}`)).answers[0]?.body.includes('"upload"'),
    {
      withinMs: registeredMs,
      everyMs: 200,
    },
  );
  return {
    grammar: hostileGrammar,
    atOnce: 32,
    run: (input) =>
      input.kind === 'call' ? call(grounds, scripts, input) : introduce(grounds, client, infos, input),
    show: shortened,
    [Symbol.asyncDispose]: async () => {
      clearInterval(heart);
      say(client, plugin, hostileInstance, 'stopped');
      await client.flush(overMs);
      client.close();
    },
  };
}

function ownInfo(): string {
  const metadata = {
    stream: { 'bkg.stream': '1' },
    bytes: { 'bkg.stream': '1', 'bkg.chunk_type': '*/*' },
    upload: { 'bkg.upload': '1' },
    plain: {},
  };
  const endpoints = hostileCapabilities.map((name) => ({
    name,
    subject: `plugin.${plugin}.invoke.${name}`,
    queue_group: 'q',
    metadata: metadata[name],
  }));
  const type = 'io.nats.micro.v1.info_response';
  return JSON.stringify({
    type,
    name: plugin,
    id: hostileInstance,
    version: '1.0.0',
    metadata: {},
    description: '',
    endpoints,
  });
}

function say(client: RawNats, id: string, instance: string, status = 'running'): void {
  const body = JSON.stringify({
    id,
    instance,
    status,
    version: '1.0.0',
    started_at: new Date().toISOString(),
  });
  client.publish({ subject: `plugin.${id}.events.${instance}.status`, body });
}

function describe(client: RawNats, infos: ReadonlyMap<string, string>, { subject, reply }: RawMessage): void {
  const info = infos.get(subject.split('.')[2] ?? '');
  if (info !== undefined && reply !== '') client.publish({ subject: reply, body: info });
}

/** Answers as the script says. Only who has written it knows the invocation's id. */
function act(client: RawNats, scripts: ReadonlyMap<string, HostileReply[]>, message: RawMessage): void {
  const { reply: answerTo, headers: given } = message;
  const token = randomBytes(16).toString('hex');
  // Of an upload, where its sender takes credit.
  const inbox = headerOf(given, 'Bkg-Flow') ?? answerTo;
  for (const { body, headers, flow } of scripts.get(headerOf(given, 'Bkg-Invocation-Id') ?? '') ?? [])
    client.publish({
      subject: body.startsWith('{"credit"') ? inbox : answerTo,
      body,
      ...(headers !== undefined && { headers }),
      ...(flow !== undefined && {
        reply: flow.replace('{flow}', `plugin.${plugin}.flow.${hostileInstance}.${token}`),
      }),
    });
}

async function call(
  grounds: Grounds,
  scripts: Map<string, HostileReply[]>,
  input: HostileCall,
): Promise<Observation> {
  const id = randomBytes(16).toString('hex');
  scripts.set(id, input.replies);
  try {
    if (input.asker === 'socket') return await callOverSocket(grounds, id, input);
    const accept = input.asker === 'events' ? 'Accept: text/event-stream\r\n' : '';
    const path = `/api/plugins/${plugin}/invoke/${input.capability}`;
    const head = `Bkg-Invocation-Id: ${id}\r\nBkg-Timeout-Ms: ${timeoutMs}\r\nContent-Type: application/json\r\n${accept}`;
    const body =
      input.capability === 'upload'
        ? 'Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'
        : 'Content-Length: 2\r\n\r\n{}';
    const { answers, rest, isLate } = await ask(grounds, path, `POST`, head + body);
    const flaws = answers.flatMap((answer) => answerFlaws(answer, grounds.secrets, hostile));
    if (isLate) flaws.push(`it has not ended within ${overMs} ms`);
    // A stream may be cut before its first byte is out.
    if (rest !== '' && !isLate)
      flaws.push(`something came that is no answer: ${JSON.stringify(rest.slice(0, 200))}`);
    return { outcomes: answers.map((answer) => `${input.asker} ${outcomeOf(answer)}`), flaws };
  } finally {
    scripts.delete(id);
  }
}

interface Asked extends ReturnType<typeof readAnswers> {
  isLate: boolean;
}

/** A request of its own connection, as it should be. @param rest headers and body */
function ask({ port, fill }: Grounds, path: string, method = 'GET', rest = '\r\n'): Promise<Asked> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    const settle = (isLate: boolean): void => {
      clearTimeout(late);
      socket.destroy();
      resolve({ ...readAnswers(text, [method], true), isLate });
    };
    const late = setTimeout(() => settle(true), overMs);
    socket.setEncoding('latin1');
    socket.on('data', (piece: string) => (text += piece));
    socket.on('close', () => settle(false));
    // `close` follows.
    socket.on('error', () => undefined);
    socket.write(
      fill(
        `${method} ${path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n${rest}`,
      ),
      'latin1',
    );
  });
}

function callOverSocket(
  { port, fill }: Grounds,
  id: string,
  { capability }: HostileCall,
): Promise<Observation> {
  const streams = capability === 'stream' || capability === 'bytes';
  const order = {
    op: 'invoke',
    id: 'i',
    plugin,
    capability,
    payload: {},
    invocation_id: id,
    timeout_ms: timeoutMs,
    ...(streams && { stream: 4 }),
  };
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let bytes: Buffer = Buffer.alloc(0);
    let headEnd = 0;
    const settle = (isLate: boolean): void => {
      clearTimeout(late);
      socket.removeAllListeners().on('error', () => undefined);
      socket.destroy();
      const reading = readFrames(bytes.subarray(headEnd));
      const flaws = frameFlaws(reading, hostile);
      if (isLate) flaws.push(`no end came within ${overMs} ms`);
      resolve({ outcomes: frameOutcomes(reading).map((outcome) => `socket ${outcome}`), flaws });
    };
    const late = setTimeout(() => settle(true), overMs);
    socket.on('data', (piece: Buffer) => {
      bytes = Buffer.concat([bytes, piece]);
      if (headEnd === 0) {
        headEnd = bytes.indexOf('\r\n\r\n') + 4;
        if (headEnd < 4) headEnd = 0;
        else
          socket.write(
            frameBytes({
              opcode: 1,
              isLast: true,
              reserved: 0,
              isMasked: true,
              payload: JSON.stringify(order),
            }),
          );
      }
      const { messages } = readFrames(bytes.subarray(headEnd));
      if (messages.some((message) => /^\{"type":"(?:result|error)"/.test(message))) settle(false);
    });
    socket.on('close', () => settle(false)).on('error', () => undefined);
    socket.write(
      fill(
        `GET /ws HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      ),
    );
  });
}

const evilNames = 8;
const settleMs = 60;
let introduced = 0;

/** Says that a plugin is there, and looks at it from all sides. */
async function introduce(
  grounds: Grounds,
  client: RawNats,
  infos: Map<string, string>,
  { info, event }: HostileDescriptor,
): Promise<Observation> {
  const id = `evil${(introduced += 1) % evilNames}`;
  const instance = randomBytes(8).toString('hex');
  const fill = (text: string): string => text.replaceAll('{plugin}', id).replaceAll('{evil}', instance);
  infos.set(id, fill(info));
  client.publish({ subject: `plugin.${id}.events.${instance}.status`, body: fill(event) });
  await delay(settleMs);
  const views = [`/api/plugins/${id}`, '/api/plugins', '/api/openapi.json', `/api/docs/${id}`];
  const asked = await Promise.all(views.map((path) => ask(grounds, path)));
  say(client, id, instance, 'stopped');
  const flaws = asked.flatMap(({ answers, isLate }, i) => [
    ...answers.flatMap((answer) => answerFlaws(answer, grounds.secrets)),
    ...(isLate || answers.length !== 1 ? [`${views[i]} was not answered within ${overMs} ms`] : []),
  ]);
  return {
    outcomes: asked.flatMap(({ answers }, i) =>
      answers.map((answer) => `${views[i]?.replace(/\d/, '#')} ${outcomeOf(answer)}`),
    ),
    flaws,
  };
}

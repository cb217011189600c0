import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { subjects } from '@bkg/sdk';
import type { AuditEvent, Problem, RegistryEntry } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { SimulatedKeeper } from './keeper.ts';
import { entryOf, serve, startMesh } from './mesh.ts';
import type { GatewayOptions, TestMesh } from './mesh.ts';

export interface AccessMesh extends TestMesh {
  keeper: SimulatedKeeper;
  /** What was written into the audit. */
  audit: AuditEvent[];
  /** What the supervisor was told: subject and `Bkg-From`. */
  orders: { subject: string; from: string | undefined }[];
  /** Which invocations have arrived at a plugin, as `<id> <capability>`. */
  invoked: string[];
  /** With a key, or without. */
  send: (method: string, path: string, options?: SendOptions) => Promise<Answer>;
}

export interface SendOptions {
  key?: string;
  cookie?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: () => unknown;
  code: string;
}

/**
 * A gateway that asks who somebody is, with two plugins, `one` and `two`, of two capabilities each, `echo` and `other.way`,
 * and a supervisor that does whatever it is told.
 */
export async function startAccessMesh(options: GatewayOptions = {}): Promise<AccessMesh> {
  const mesh = await startMesh({ ...options, settings: { noAuth: false, ...options.settings } });
  const keeper = new SimulatedKeeper(await mesh.nats.connect('apikeys'));
  await keeper.start();
  const audit: AuditEvent[] = [];
  mesh.supervisor.connection.subscribe(subjects.auditEvent, {
    callback: (_error, msg) => {
      audit.push(msg.json<AuditEvent>());
      mesh.supervisor.connection.respond(msg, JSON.stringify({ stream: 'bkg_audit', seq: audit.length }));
    },
  });
  const orders: AccessMesh['orders'] = [];
  for (const verb of ['start', 'stop', 'restart', 'swap', 'scale', 'rollback', 'configure']) {
    mesh.supervisor.control(verb, (msg, id) => {
      orders.push({ subject: msg.subject, from: msg.headers?.get('Bkg-From') });
      return { data: JSON.stringify(verb === 'configure' ? entry(id).config : entry(id)) };
    });
  }
  mesh.supervisor.logs(() => ({ data: '{"lines":[]}' }));
  mesh.supervisor.history(() => ({ data: '{"revisions":[]}' }));
  mesh.supervisor.audit(() => ({ data: '{"events":[]}' }));
  const invoked: string[] = [];
  for (const id of ['one', 'two']) {
    await mesh.supervisor.put(entry(id));
    for (const capability of ['echo', 'other.way']) {
      await serve(mesh.peer, id, capability, (msg) => {
        invoked.push(`${id} ${capability}`);
        msg.respond(msg.data);
      });
    }
  }
  await eventually(() => mesh.app.catalog.get('one') && mesh.app.catalog.get('two'));
  return {
    ...mesh,
    keeper,
    audit,
    orders,
    invoked,
    send: (method, path, given) => send(mesh.url, method, path, given),
    [Symbol.asyncDispose]: () => mesh[Symbol.asyncDispose](),
  };
}

function entry(id: string): RegistryEntry {
  return entryOf(id, 'running', { capabilities: ['echo', 'other.way'] });
}

export async function send(
  url: string,
  method: string,
  path: string,
  { key, cookie, headers = {}, body }: SendOptions = {},
): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(cookie !== undefined && { cookie }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isProblem = response.headers.get('content-type') === 'application/problem+json';
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: () => JSON.parse(text) as unknown,
    code: isProblem ? (JSON.parse(text) as Problem).code : '',
  };
}

/** What a request for a WebSocket is answered with: 101, or why not. */
export function upgrade(port: number, path: string, options: ClientOptions = {}): Promise<number | string> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
  return new Promise((resolve) => {
    socket.on('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0);
      socket.terminate();
    });
    socket.on('open', () => {
      resolve(101);
      socket.terminate();
    });
    socket.on('error', (error) => resolve(error.message));
  });
}

/** Signs in. @returns the cookie, as a browser sends it back */
export async function signIn(mesh: AccessMesh, key: string, cookie?: string): Promise<string> {
  const answer = await mesh.send('POST', '/api/session', {
    body: { key },
    ...(cookie !== undefined && { cookie }),
  });
  const [pair = ''] = answer.headers.get('set-cookie')?.split(';', 1) ?? [];
  if (answer.status !== 201) throw new Error(`signing in was answered with ${answer.status}: ${answer.text}`);
  return pair;
}

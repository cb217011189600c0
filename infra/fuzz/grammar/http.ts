import { between } from '../../chaos/random.ts';
import type { Random } from '../../chaos/random.ts';
import type { Grammar } from '../lineage.ts';
import { chance, mutateBytes, pick, utf8, weighted } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import { makeJson, mutateJson } from './json.ts';
import { makeBody, makePath, makeQuery } from './http-parts.ts';
import { makeHeaders, otherHeader } from './http-headers.ts';
import type { Header } from './http-headers.ts';

/** How a body is said to be framed, and whether that is so. */
const framings = [
  'none',
  'length',
  'chunked',
  'longer',
  'shorter',
  'negative',
  'twice',
  'both',
  'unended',
  'wrong chunk',
  'odd coding',
] as const;
export type Framing = (typeof framings)[number];
const whole: ReadonlySet<Framing> = new Set(['none', 'length', 'chunked']);

export interface HttpRequest {
  method: Bytes;
  target: Bytes;
  version: Bytes;
  headers: Header[];
  body: Bytes;
  framing: Framing;
}

/** What is written to one connection. */
export interface HttpInput {
  /** One after the other, without waiting for answers. */
  requests: HttpRequest[];
  /** Something is wrong in the bytes, or they stop somewhere: nobody can say what is to be answered. */
  raw?: Bytes;
  /** Sent in two pieces, with this many bytes in the first. */
  splitAt?: number;
  /** Gone before anything is answered: without a word (`reset`), or politely. */
  leaves?: 'reset' | 'end';
}

/** Methods and paths as the OpenAPI document of the gateway has them: `POST /api/plugins/{id}/start`. */
export type Routes = readonly string[];

/** Whether everything that is asked for is asked for completely: then it has to be answered. */
export const isWhole = ({ requests, raw, leaves }: HttpInput): boolean =>
  raw === undefined && leaves === undefined && requests.every(({ framing }) => whole.has(framing));

export function httpGrammar(routes: Routes): Grammar<HttpInput> {
  return {
    make: (random) => {
      const count = weighted(random, [
        [12, 1],
        [1, 2],
        [1, between(random, 3, 12)],
      ]);
      const requests = Array.from({ length: count }, () => makeRequest(routes, random));
      return damage({ requests }, random, 0.12);
    },
    mutate: (input, random) => {
      if (input.raw !== undefined) return { ...input, raw: mutateBytes(input.raw, random) };
      const at = between(random, 0, input.requests.length - 1);
      const requests = input.requests.map((request, i) =>
        i === at ? mutateRequest(request, random) : request,
      );
      return damage({ ...input, requests }, random, 0.1);
    },
  };
}

function makeRequest(routes: Routes, random: Random): HttpRequest {
  const [method = 'GET', route = '/'] = pick(random, routes).split(' ');
  const path = makePath(route, random);
  const takes = method !== 'GET' && method !== 'DELETE';
  const body = takes || chance(random, 0.1) ? makeBody(path, random) : '';
  return {
    method: chance(random, 0.95) ? method : pick(random, methods),
    target: path + (chance(random, 0.25) ? makeQuery(random) : ''),
    version: chance(random, 0.97) ? 'HTTP/1.1' : pick(random, versions),
    headers: makeHeaders(path, takes, random),
    body,
    framing: makeFraming(body, random),
  };
}

const methods = [
  'GET',
  'HEAD',
  'OPTIONS',
  'PUT',
  'PATCH',
  'DELETE',
  'POST',
  'TRACE',
  'CONNECT',
  'PROPFIND',
  'get',
  '',
];
const versions = ['HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.9', 'HTTP/11', 'HTTPS/1.1', '', 'RTSP/1.0'];

function makeFraming(body: Bytes, random: Random): Framing {
  if (chance(random, 0.1)) return pick(random, framings);
  if (body === '') return chance(random, 0.5) ? 'none' : 'length';
  return chance(random, 0.8) ? 'length' : 'chunked';
}

function mutateRequest(request: HttpRequest, random: Random): HttpRequest {
  const { target, headers, body } = request;
  const withHeaders = (change: (copy: Header[]) => void): HttpRequest => {
    const copy = [...headers];
    change(copy);
    return { ...request, headers: copy };
  };
  return weighted<() => HttpRequest>(random, [
    [4, () => ({ ...request, body: mutateJson(body, random) })],
    [2, () => ({ ...request, body: makeJson(random) })],
    [3, () => ({ ...request, target: mutateTarget(target, random) })],
    [
      3,
      () => withHeaders((copy) => void copy.splice(between(random, 0, copy.length), 0, otherHeader(random))),
    ],
    [1, () => withHeaders((copy) => void copy.splice(between(random, 0, copy.length), 1))],
    [1, () => withHeaders((copy) => void (copy.length > 0 && copy.push(pick(random, copy))))],
    [
      2,
      () =>
        withHeaders((copy) => {
          const at = between(random, 0, Math.max(0, copy.length - 1));
          const [name = 'X', value = ''] = copy[at] ?? [];
          copy[at] = [name, mutateBytes(value, random)];
        }),
    ],
    [1, () => ({ ...request, framing: pick(random, framings) })],
    [1, () => ({ ...request, method: pick(random, methods) })],
    [0.3, () => ({ ...request, version: pick(random, versions) })],
  ])();
}

/** Without a space, or it would be another request line. */
function mutateTarget(target: Bytes, random: Random): Bytes {
  const other = mutateBytes(target, random).replaceAll(/[\s]/g, '%20');
  return chance(random, 0.9) && !other.startsWith('/') ? `/${other}` : other;
}

function damage(input: HttpInput, random: Random, often: number): HttpInput {
  if (!chance(random, often)) return input;
  return weighted<() => HttpInput>(random, [
    [3, () => ({ ...input, raw: mutateBytes(bytesOf(input), random) })],
    [2, () => ({ ...input, raw: cut(bytesOf(input), random) })],
    [2, () => ({ ...input, splitAt: between(random, 0, bytesOf(input).length) })],
    [1, () => ({ ...input, leaves: pick(random, ['reset', 'end'] as const) })],
  ])();
}

const cut = (bytes: Bytes, random: Random): Bytes => bytes.slice(0, between(random, 0, bytes.length));

/** As it goes over the wire; `{host}`, `{key}` and the like stand in the place of what each run has anew. */
export function bytesOf({ requests, raw }: HttpInput): Bytes {
  return raw ?? requests.map(requestBytes).join('');
}

function requestBytes({ method, target, version, headers, body, framing }: HttpRequest): Bytes {
  const [framed, sent] = framedBody(body, framing);
  const lines = [...headers, ...framed].map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} ${version}\r\n${lines.join('')}\r\n${sent}`;
}

function framedBody(body: Bytes, framing: Framing): [headers: Header[], sent: Bytes] {
  const length = (bytes: number | string): Header => ['Content-Length', String(bytes)];
  const chunked: Header = ['Transfer-Encoding', 'chunked'];
  switch (framing) {
    case 'none':
      return [[], ''];
    case 'length':
      return [[length(body.length)], body];
    case 'chunked':
      return [[chunked], `${chunks(body)}0\r\n\r\n`];
    case 'longer':
      return [[length(body.length + 10)], body];
    case 'shorter':
      return [[length(Math.max(0, body.length - 5))], body];
    case 'negative':
      return [[length(utf8('-1'))], body];
    case 'twice':
      return [[length(body.length), length(body.length + 1)], body];
    case 'both':
      return [[length(body.length), chunked], `${chunks(body)}0\r\n\r\n`];
    case 'unended':
      return [[chunked], chunks(body)];
    case 'wrong chunk':
      return [[chunked], `fffffffffffffffff;x="\r\n${body}\r\nzz\r\n\r\n`];
    case 'odd coding':
      return [[['Transfer-Encoding', 'gzip, chunked, identity']], chunks(body)];
  }
}

const chunkMost = 7_000;

function chunks(body: Bytes): Bytes {
  const pieces: Bytes[] = [];
  for (let at = 0; at < body.length; at += chunkMost) pieces.push(body.slice(at, at + chunkMost));
  return pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('');
}

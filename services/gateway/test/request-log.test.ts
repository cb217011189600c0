import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { silentLogger } from '@bkg/sdk/testing';
import { requestLog } from '../src/http/request-log.ts';

let app: FastifyInstance;
let lines: string[] = [];

function noteAs(level: string): (line: { method: string; status: number }) => void {
  return ({ method, status }) => void lines.push(`${level} ${method} ${status}`);
}

beforeAll(async () => {
  const log = Object.assign(Object.create(silentLogger) as typeof silentLogger, {
    isLevelEnabled: () => true,
    debug: noteAs('debug'),
    info: noteAs('info'),
    warn: noteAs('warn'),
  });
  app = fastify();
  await app.register(requestLog, { log });
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
  app.route({ method: [...methods], url: '/told', handler: async () => ({}) });
  app.route({ method: [...methods], url: '/quiet', config: { isQuiet: true }, handler: async () => ({}) });
  app.post('/failed', async (_request, reply) => reply.code(500).send());
});
beforeEach(() => {
  lines = [];
});
afterAll(() => app.close());

it.each([
  ['what changes something, as information', '/told', ['POST', 'PUT', 'PATCH', 'DELETE'], 'info'],
  ['what reads, for who looks for it', '/told', ['GET', 'HEAD'], 'debug'],
  ['what is asked for all the time, too', '/quiet', ['POST', 'PUT', 'PATCH', 'DELETE'], 'debug'],
] as const)('the log tells of %s', async (_what, url, methods, level) => {
  for (const method of methods) await app.inject({ method, url });
  expect(lines).toEqual(methods.map((method) => `${level} ${method} 200`));
});

it('the log tells of a failure of our own as a warning', async () => {
  await app.inject({ method: 'POST', url: '/failed' });
  expect(lines).toEqual(['warn POST 500']);
});

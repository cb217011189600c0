import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { Mesh } from './mesh.ts';

let mesh: Mesh;

beforeAll(async () => {
  mesh = await Mesh.create();
});
afterAll(() => mesh[Symbol.asyncDispose]());

it('a service that is no plugin is asked what it is once, and one that does not say so less and less', async () => {
  const connection = await mesh.server.connect('others');
  const asked = { weather: 0, mute: 0, liar: 0 };
  let rounds = 0;
  connection.subscribe('$SRV.PING', {
    callback: (_, msg) => {
      rounds += 1;
      for (const name of Object.keys(asked)) msg.respond(JSON.stringify({ name, id: 'i', version: '1.0.0' }));
    },
  });
  connection.subscribe('$SRV.INFO.*.i', {
    callback: (_, msg) => {
      const name = msg.subject.split('.')[2] as keyof typeof asked;
      asked[name] += 1;
      const endpoints = [{ name: 'now', subject: `${name}.now` }];
      if (name === 'weather') msg.respond(JSON.stringify({ name, id: 'i', version: '1.0.0', endpoints }));
      if (name === 'liar') msg.respond('{"name": "other"}');
    },
  });
  await connection.flush();
  await mesh.supervise({ pingLeastMs: 30, pingEveryMs: 30, answerMs: 40 });
  await eventually(() => rounds >= 30);
  expect(asked.weather).toBe(1);
  // Of one in whose place somebody else answers nothing is known either.
  for (const name of ['liar', 'mute'] as const) {
    expect(asked[name]).toBeGreaterThan(1);
    expect(asked[name]).toBeLessThan(12);
  }
});

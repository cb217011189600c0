import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { problemOfMsg } from '../src/problem.ts';
import { subjects } from '../src/protocol/subjects.ts';
import { eventually, startNatsServer } from '../src/testing.ts';
import { examplesFolder, isThere, PluginProcess } from './conformance/plugin-process.ts';

describe.each([
  { language: 'javascript', isPossible: true },
  { language: 'python', isPossible: isThere('python3', '--version') },
])('the example in $language', ({ language, isPossible }) => {
  it.skipIf(!isPossible)('refuses what is not UTF-8, or begins with a byte order mark', async () => {
    await using server = await startNatsServer({ jetstream: false });
    const caller = await server.connect('caller');
    await using plugin = new PluginProcess(path.join(examplesFolder, language), server);
    const greet = (body: string | Uint8Array) =>
      caller.request(subjects.invokeCapability(plugin.id, 'greet'), body, { timeoutMs: 5_000 });
    await eventually(() => greet('{"name":"Ada"}'), { withinMs: 30_000 });
    for (const wrong of [Buffer.from('{"name":"Zoë"}', 'latin1'), '\uFEFF{"name":"Ada"}'])
      expect(problemOfMsg(await greet(wrong))).toMatchObject({ code: 'INVALID_PAYLOAD', status: 400 });
    expect((await greet('{"name":"Zoë"}')).json()).toEqual({ greeting: 'Hello, Zoë!' });
  });
});

import type { Msg } from '@nats-io/nats-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BkgError, configDefaults, headerNames, subjects } from '@bkg/sdk';
import type { Problem } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { startMembers, tell } from './pair.ts';
import type { Member } from './pair.ts';

let mesh: TestMesh;
let plugins = 0;
let id: string;
let members: Member[] = [];

beforeAll(async () => {
  mesh = await startMesh();
});
beforeEach(() => {
  id = `plugin-${(plugins += 1)}`;
});
afterEach(async () => {
  for (const member of members) member.finish();
  await Promise.all(members.map(({ instance }) => instance.drain()));
  members = [];
});
afterAll(() => mesh[Symbol.asyncDispose]());

async function invoke(headers: Record<string, string> = {}, capability = 'echo', body = '{}') {
  const response = await fetch(`${mesh.url}/api/plugins/${id}/invoke/${capability}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
  const text = await response.text();
  return { status: response.status, text, problem: (response.ok ? {} : JSON.parse(text)) as Problem };
}

const own = (invocationId: string) => ({ 'bkg-invocation-id': invocationId });
const begun = (): number => members.reduce((sum, { began }) => sum + began.length, 0);
const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

describe('an invocation that an instance has no place for', () => {
  it('is tried once more on another: as many run as there are places', async () => {
    members = await startMembers(mesh, id, 2, { most: 2 });
    // All of them find a place, whatever the queue group does, only by second tries.
    const running = times(4, () => invoke());
    await eventually(() => begun() === 4);
    expect(members.map(({ began }) => began.length)).toEqual([2, 2]);
    const refused = await invoke();
    expect([refused.status, refused.problem.code]).toEqual([429, 'BUSY']);
    for (const member of members) member.finish();
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  it('with an id of its own is, too, and is found again where it went', async () => {
    members = await startMembers(mesh, id, 2, { most: 2 });
    const ids = times(4, (i) => `mine-${i}`);
    const running = ids.map((one) => invoke(own(one)));
    await eventually(() => begun() === 4);
    const again = await Promise.all(ids.map((one) => invoke(own(one))));
    expect(again.map(({ problem }) => problem.code)).toEqual(Array(4).fill('CONFLICT'));
    for (const member of members) member.finish();
    const first = (await Promise.all(running)).map(({ text }) => text);
    expect((await Promise.all(ids.map((one) => invoke(own(one))))).map(({ text }) => text)).toEqual(first);
    expect(begun()).toBe(4);
  });

  it('that is a stream is tried once more as long as nothing has come', async () => {
    members = await startMembers(mesh, id, 2);
    const events = { accept: 'text/event-stream' };
    const running = times(2, () => invoke(events, 'stream'));
    await eventually(() => begun() === 2);
    expect(members.map(({ began }) => began.length)).toEqual([1, 1]);
    for (const member of members) member.finish();
    for (const { text } of await Promise.all(running)) expect(text).toContain('event: result');
  });

  it('is not tried on another once it is cancelled', async () => {
    members = await startMembers(mesh, id, 1, { most: 64 });
    const [member] = members as [Member];
    member.finish();
    // Which says that it is full when it is told to.
    const full: Member = { ...member, id: 'full' };
    const asked: Msg[] = [];
    const { connection } = mesh.supervisor;
    connection.subscribe(subjects.invokeAt(id, full.id, 'echo'), {
      callback: (_, msg) => void asked.push(msg),
    });
    await connection.nats.flush();
    await tell(mesh, id, { id, ...configDefaults }, [
      [member, 'running'],
      [full, 'running'],
    ]);
    let running: ReturnType<typeof invoke> | undefined;
    let invocationId = '';
    for (let i = 0; asked.length === 0; i += 1) {
      invocationId = `one-${i}`;
      running = invoke(own(invocationId));
      await Promise.race([running, eventually(() => asked.length > 0)]);
    }
    const before = begun();
    const url = `${mesh.url}/api/plugins/${id}/invocations/${invocationId}`;
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(204);
    const [msg] = asked as [Msg];
    const problem = new BkgError('BUSY', 'No place.').problem;
    connection.respond(msg, JSON.stringify(problem), {
      [headerNames.error]: problem.detail,
      [headerNames.errorCode]: '429',
      [headerNames.instance]: full.id,
    });
    expect((await running)?.problem.code).toBe('CANCELLED');
    expect(begun()).toBe(before);
  });

  it('is answered BUSY where there is no other instance', async () => {
    members = await startMembers(mesh, id, 1);
    const running = invoke();
    await eventually(() => begun() === 1);
    expect((await invoke()).problem.code).toBe('BUSY');
    members[0]?.finish();
    expect((await running).status).toBe(200);
  });

  it('is answered BUSY where the other does not listen for itself', async () => {
    members = await startMembers(mesh, id, 1);
    const [member] = members as [Member];
    const config = { id, ...configDefaults };
    await tell(mesh, id, config, [
      [member, 'running'],
      [{ ...member, id: 'nobody-there' }, 'running'],
    ]);
    const running = invoke();
    await eventually(() => begun() === 1);
    const { status, problem } = await invoke();
    expect([status, problem.code]).toEqual([429, 'BUSY']);
    member.finish();
    expect((await running).status).toBe(200);
  });
});

describe('an invocation whose client has chosen its id', () => {
  it('runs once, sent twice at the same time', async () => {
    members = await startMembers(mesh, id, 2, { most: 64 });
    for (let i = 0; i < 10; i += 1) {
      const twice = times(2, () => invoke(own(`same-${i}`)));
      await eventually(() => begun() === i + 1);
      // One of them is told that the other runs.
      expect((await Promise.race(twice)).problem.code).toBe('CONFLICT');
    }
    expect(begun()).toBe(10);
  });

  it('runs once, sent again after its answer, and is answered the same', async () => {
    members = await startMembers(mesh, id, 3, { most: 64 });
    for (const member of members) member.finish();
    for (let i = 0; i < 10; i += 1) {
      const answers = [];
      for (let n = 0; n < 4; n += 1) answers.push((await invoke(own(`again-${i}`))).text);
      expect(new Set(answers).size).toBe(1);
    }
    expect(begun()).toBe(10);
    // And not all at one of them.
    expect(members.filter(({ began }) => began.length > 0).length).toBeGreaterThan(1);
  });

  it('is refused with another body', async () => {
    members = await startMembers(mesh, id, 2, { most: 64 });
    for (const member of members) member.finish();
    await invoke(own('mine'), 'echo', '1');
    expect((await invoke(own('mine'), 'echo', '2')).problem.code).toBe('CONFLICT');
  });

  it('is taken by another when its instance is just going', async () => {
    members = await startMembers(mesh, id, 2, { most: 64 });
    for (const member of members) member.finish();
    await members[0]?.instance.drain();
    const answers = await Promise.all(times(10, (i) => invoke(own(`left-${i}`))));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(members[1]?.began).toHaveLength(10);
  });

  it('goes through the queue group when none of the instances listens for itself', async () => {
    members = await startMembers(mesh, id, 1, { most: 64 });
    const [member] = members as [Member];
    member.finish();
    await tell(mesh, id, { id, ...configDefaults }, [
      [{ ...member, id: 'first' }, 'running'],
      [{ ...member, id: 'second' }, 'running'],
    ]);
    expect((await invoke(own('mine'))).status).toBe(200);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buckets, headerNames, subjects } from '@bkg/sdk';
import type { AuditList, ConfigHistory, PluginConfig, PluginInfo } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { Kvm } from '@nats-io/kv';
import { Orders } from '../src/audit/orders.ts';
import { manifest, Mesh, problemOf } from './mesh.ts';

const prefix = 'Kabcdefghj';
const viaGateway = { [headerNames.from]: '192.0.2.7' };
const ofAdmin = { ...viaGateway, [headerNames.admin]: '1' };

let mesh: Mesh;

beforeAll(async () => {
  mesh = await Mesh.create([
    manifest('echo', 'echo.mjs', { env: { MODE: 'first' } }),
    manifest('other', 'echo.mjs'),
    manifest('still', 'echo.mjs'),
  ]);
  mesh.writeVersion({ ...manifest('echo', 'echo.mjs', { env: { MODE: 'first' } }), version: '1.1.0' });
  await mesh.supervise({}, { vouchedOnly: true });
});
afterAll(() => mesh[Symbol.asyncDispose]());

const orderAs = <T = PluginInfo>(
  verb: string,
  id: string,
  body: unknown,
  headers: Record<string, string> = viaGateway,
): Promise<T> => mesh.ask(subjects.controlBy(verb, id, prefix), body, 30_000, headers);
const audit = (query: object = {}): Promise<AuditList> => mesh.ask(subjects.auditList, query);
/** The newest event, when it is of this action. */
const newest = (action: string) =>
  eventually(async () => {
    const [event] = (await audit({ most: 1 })).events;
    return event?.action === action && event;
  });
const history = (id: string): Promise<ConfigHistory> => mesh.ask(subjects.history(id));
const revisionOf = async (id: string): Promise<number> => (await mesh.get(id)).config.revision;

describe('an order of a key that the broker vouches for', () => {
  it('is that key’s, whatever it says itself, and is noted with where it came from', async () => {
    await orderAs('start', 'echo', { by: 'somebody else', why: 'for the demo' });
    const run = await (await new Kvm(mesh.caller.nats).open(buckets.desired)).get('run.echo');
    expect(run?.json()).toMatchObject({ want: 'running', by: prefix });
    expect(await newest('control.start')).toEqual({
      seq: expect.any(Number),
      time: expect.stringMatching(/^20.*Z$/),
      who: prefix,
      via: 'http',
      from: '192.0.2.7',
      action: 'control.start',
      target: 'echo',
      result: 'ok',
      detail: 'why: for the demo',
    });
  });

  it('needs no body, and has none that is no order', async () => {
    await mesh.caller.request(subjects.controlBy('stop', 'echo', prefix), '', { timeoutMs: 10_000 });
    expect(await newest('control.stop')).toMatchObject({
      who: prefix,
      via: 'broker',
      from: '',
      result: 'ok',
    });
    expect(await problemOf(orderAs('start', 'echo', [1]))).toMatchObject({ code: 'INVALID_PAYLOAD' });
    expect(await newest('control.start')).toMatchObject({ result: 'INVALID_PAYLOAD' });
  });

  it('is kept with a configuration, in its history and in the receipt', async () => {
    await orderAs('start', 'echo', {});
    const revision = await revisionOf('echo');
    await orderAs('configure', 'echo', { revision, env: { ADDED: 'x' }, limits: { max_queue: 5 }, by: 'x' });
    expect((await history('echo')).revisions[0]).toMatchObject({ by: prefix, revision: revision + 1 });
    expect((await mesh.get('echo')).rollout).toMatchObject({ verb: 'configure', by: prefix });
    expect(await newest('control.configure')).toMatchObject({
      who: prefix,
      detail: 'changes env.ADDED, limits.max_queue',
    });
    await orderAs('swap', 'echo', { version: '1.1.0', force: true });
    expect(await newest('control.swap')).toMatchObject({
      detail: 'version "1.1.0"; force true',
      result: 'ok',
    });
    await orderAs('scale', 'other', { replicas: 2 });
    expect(await newest('control.scale')).toMatchObject({ target: 'other', detail: 'replicas 2' });
  });

  it('is noted when it fails, without what the plugin has printed', async () => {
    const revision = await revisionOf('other');
    const env = { ECHO_FAILS: 'printed-on-the-way' };
    await orderAs('configure', 'other', { revision, env, replicas: 1 });
    const problem = await problemOf(orderAs('start', 'other', {}));
    expect(problem).toMatchObject({
      code: 'PLUGIN_CRASHED',
      detail: expect.stringContaining('printed-on-the-way'),
    });
    const event = await newest('control.start');
    expect(event).toMatchObject({ result: 'PLUGIN_CRASHED', target: 'other' });
    expect(JSON.stringify(await audit())).not.toContain('printed-on-the-way');
    expect(await problemOf(orderAs('stop', 'none', {}))).toMatchObject({ code: 'PLUGIN_NOT_FOUND' });
    expect(await newest('control.stop')).toMatchObject({ target: 'none', result: 'PLUGIN_NOT_FOUND' });
  });

  it('cannot be in a name that marks what bkg does by itself', async () => {
    for (const name of ['manifest', 'supervisor']) {
      const asked = mesh.ask(subjects.controlBy('restart', 'echo', name), {});
      expect(await problemOf(asked)).toMatchObject({ code: 'INVALID_PAYLOAD' });
    }
  });
});

describe('an order of somebody who is not known', () => {
  it('is carried out as that of the one it names, and noted as that of nobody', async () => {
    // What only a gateway may say is not believed here.
    await mesh.ask(subjects.control('restart', 'echo'), { by: 'ana' }, 30_000, ofAdmin);
    expect((await mesh.get('echo')).rollout).toMatchObject({ by: 'ana' });
    expect(await newest('control.restart')).toMatchObject({
      who: '?',
      via: 'broker',
      from: '',
      detail: 'by "ana", as it says',
    });
  });

  it.each([{ env: { MODE: 'second' } }, { env: null }, { sandbox: 'off' }, { sandbox: null, env: {} }])(
    'does not change what is an admin’s: %j',
    async (change) => {
      const revision = await revisionOf('echo');
      const asked = mesh.ask<PluginConfig>(subjects.control('configure', 'echo'), { revision, ...change });
      const problem = await problemOf(asked);
      expect(problem.code).toBe('FORBIDDEN');
      expect(problem.detail).toContain('Who orders it is not known here');
      expect(problem.detail).toContain('bkg.control.configure.echo.by.<prefix>');
      for (const name of Object.keys(change)) expect(problem.detail).toContain(`"${name}"`);
      expect(await revisionOf('echo')).toBe(revision);
      expect(await newest('control.configure')).toMatchObject({ who: '?', result: 'FORBIDDEN' });
    },
  );

  it('changes what is not', async () => {
    const revision = await revisionOf('echo');
    const limits = { max_queue: 77 };
    await mesh.ask(subjects.control('configure', 'echo'), { revision, limits });
    expect((await mesh.get('echo')).config.limits.max_queue).toBe(77);
  });
});

describe('a rollback', () => {
  const rollbackBare = (to: number) => mesh.ask(subjects.control('rollback', 'echo'), { to }, 30_000);

  it('that would bring another environment back is an admin’s, too', async () => {
    const before = await revisionOf('echo');
    await orderAs('configure', 'echo', { revision: before, env: { MODE: 'third' } });
    expect(await problemOf(rollbackBare(before))).toMatchObject({
      code: 'FORBIDDEN',
      detail: expect.stringContaining(`Revision ${before}`),
    });
    const asOperator = problemOf(orderAs('rollback', 'echo', { to: before }));
    expect(await asOperator).toMatchObject({ code: 'FORBIDDEN' });
    expect(await newest('control.rollback')).toMatchObject({ who: prefix, result: 'FORBIDDEN' });
    const after = await orderAs('rollback', 'echo', { to: before }, ofAdmin);
    expect(after.config.env['MODE']).not.toBe('third');
    expect(await newest('control.rollback')).toMatchObject({ result: 'ok', detail: `to ${before}` });
    // Without a gateway in between only an admin may publish there.
    await orderAs('rollback', 'echo', { to: before + 1 }, {});
    expect((await mesh.get('echo')).config.env['MODE']).toBe('third');
  });

  it('that would bring another sandbox back likewise', async () => {
    await orderAs('configure', 'still', { revision: 1, sandbox: 'on' });
    const asked = problemOf(mesh.ask(subjects.control('rollback', 'still'), { to: 1 }));
    expect(await asked).toMatchObject({ code: 'FORBIDDEN' });
    expect((await orderAs('rollback', 'still', { to: 1 }, ofAdmin)).config.sandbox).toBe('off');
  });

  it('of the rest is everybody’s who may control it', async () => {
    const before = await revisionOf('echo');
    await mesh.ask(subjects.control('configure', 'echo'), { revision: before, limits: { max_queue: 78 } });
    await rollbackBare(before);
    expect((await mesh.get('echo')).config.limits.max_queue).not.toBe(78);
  });
});

describe('where nobody is known to the broker', () => {
  it('everybody may change everything, and the audit says that it is not known who', async () => {
    await using open = await Mesh.create([manifest('echo', 'echo.mjs')]);
    await open.supervise();
    await open.ask(subjects.control('configure', 'echo'), { revision: 1, env: { A: 'b' } });
    await open.ask(subjects.control('rollback', 'echo'), { to: 1 });
    const { events } = await eventually(async () => {
      const list = await open.ask<AuditList>(subjects.auditList, {});
      return list.events.length === 2 && list;
    });
    expect(events).toMatchObject([
      { who: '?', via: 'broker', action: 'control.rollback', result: 'ok' },
      { who: '?', via: 'broker', action: 'control.configure', result: 'ok' },
    ]);
  });
});

it('the end of the mesh is noted before it ends', async () => {
  await using ending = await Mesh.create([manifest('echo', 'echo.mjs')]);
  const { stop } = await ending.supervise({}, { vouchedOnly: true });
  await ending.ask(subjects.shutdown, {}, 20_000);
  await stop();
  await ending.supervise({}, { vouchedOnly: true });
  const { events } = await ending.ask<AuditList>(subjects.auditList, {});
  expect(events).toMatchObject([{ who: 'bkg', via: 'mesh', action: 'control.shutdown', result: 'ok' }]);
});

it('an order is not kept waiting by an audit that nobody stores', async () => {
  const written: unknown[] = [];
  const orders = new Orders({ audit: { write: (event) => void written.push(event) }, vouchedOnly: true });
  const context = { subject: subjects.controlBy('stop', 'echo', prefix), header: () => 'x'.repeat(1_000) };
  await orders.carry('stop', context, { why: 'y'.repeat(5_000) }, async () => 'done');
  expect(Buffer.byteLength(JSON.stringify(written))).toBeLessThan(2_000);
  const long = { ...context, subject: subjects.controlBy('stop', 'e'.repeat(9_000), 'K'.repeat(9_000)) };
  await expect(orders.carry('stop', long, {}, async () => 'done')).rejects.toThrow('not the public part');
  expect(Buffer.byteLength(JSON.stringify(written))).toBeLessThan(4_000);
});

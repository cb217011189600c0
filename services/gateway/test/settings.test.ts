import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSettings } from '../src/settings.ts';
import { temporaryFolder } from './mesh.ts';

async function validEnv(folder: string): Promise<NodeJS.ProcessEnv> {
  const file = path.join(folder, 'credentials.json');
  await writeFile(file, JSON.stringify({ user: 'bkg', password: 'secret' }));
  await chmod(file, 0o600);
  return { BKG_HOME: folder, BKG_NATS_URL: 'nats://127.0.0.1:4222', BKG_CREDENTIALS_FILE: file };
}

describe('settings', () => {
  it('have the documented defaults, and are frozen', async () => {
    await using home = await temporaryFolder();
    const settings = readSettings(await validEnv(home.folder));
    expect(settings).toMatchObject({
      home: home.folder,
      host: '127.0.0.1',
      port: 43119,
      servers: ['nats://127.0.0.1:4222'],
    });
    expect(settings.dashboard).toBe(path.resolve(import.meta.dirname, '../../../web/build'));
    expect(Object.isFrozen(settings)).toBe(true);
  });

  it('take address and port from the environment', async () => {
    await using home = await temporaryFolder();
    const env = { ...(await validEnv(home.folder)), BKG_HOST: '0.0.0.0', BKG_PORT: '8080' };
    expect(readSettings(env)).toMatchObject({ host: '0.0.0.0', port: 8080 });
  });

  it('take localhost for its address', async () => {
    await using home = await temporaryFolder();
    const env = { ...(await validEnv(home.folder)), BKG_HOST: 'localhost' };
    expect(readSettings(env).host).toBe('127.0.0.1');
  });

  it('report everything that is wrong at once', () => {
    let message = '';
    try {
      readSettings({ BKG_PORT: '70000', BKG_HOST: 'a b' });
    } catch (error) {
      ({ message } = error as Error);
    }
    for (const name of ['BKG_HOME', 'BKG_NATS_URL', 'BKG_CREDENTIALS_FILE', 'BKG_PORT', 'BKG_HOST']) {
      expect(message).toContain(name);
    }
    expect(message).toContain('0 to 65535');
  });

  it.each(['-1', '43119.5', '0x10', 'http', ' '])('handle the port %j', async (given) => {
    await using home = await temporaryFolder();
    const env = { ...(await validEnv(home.folder)), BKG_PORT: given };
    if (given.trim() === '') expect(readSettings(env).port).toBe(43119);
    else expect(() => readSettings(env)).toThrow(`BKG_PORT is "${given}"`);
  });

  it('take the public address, without anything behind it', async () => {
    await using home = await temporaryFolder();
    const env = await validEnv(home.folder);
    expect(readSettings(env).publicUrl).toBeUndefined();
    for (const given of [
      'https://mesh.example',
      'https://mesh.example/',
      'HTTPS://Mesh.example',
      'http://10.0.0.1:8080',
    ]) {
      expect(readSettings({ ...env, BKG_PUBLIC_URL: given }).publicUrl?.origin).toBe(
        given.toLowerCase().replace(/\/$/, ''),
      );
    }
  });

  it.each([
    'mesh.example',
    'ftp://mesh.example',
    'https://mesh.example/bkg',
    'https://mesh.example?x',
    'https://user:word@mesh.example',
    'javascript:alert(1)',
  ])('refuse the public address %s', async (given) => {
    await using home = await temporaryFolder();
    const env = { ...(await validEnv(home.folder)), BKG_PUBLIC_URL: given };
    expect(() => readSettings(env)).toThrow(/^BKG_PUBLIC_URL is ".*https:\/\/mesh\.example\.$/);
    expect(() => readSettings(env)).not.toThrow('word');
  });

  it('ask nobody who they are only where nobody else comes', async () => {
    await using home = await temporaryFolder();
    const env = { ...(await validEnv(home.folder)), BKG_NO_AUTH: '1' };
    for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) {
      expect(readSettings({ ...env, BKG_HOST: host }).noAuth).toBe(true);
    }
    for (const host of ['0.0.0.0', '::', '192.0.2.7', 'mesh.example']) {
      expect(() => readSettings({ ...env, BKG_HOST: host })).toThrow('BKG_NO_AUTH is 1');
      expect(readSettings({ ...env, BKG_HOST: host, BKG_NO_AUTH: '0' }).noAuth).toBeUndefined();
    }
    // Whoever comes through the proxy comes from this machine.
    for (const url of ['https://mesh.example', 'http://10.0.0.1:8080', 'http://[2001:db8::1]']) {
      expect(() => readSettings({ ...env, BKG_PUBLIC_URL: url })).toThrow(`BKG_PUBLIC_URL is ${url}`);
    }
    for (const url of ['http://localhost:8080', 'http://127.0.0.1', 'https://[::1]:8443'])
      expect(readSettings({ ...env, BKG_PUBLIC_URL: url }).noAuth).toBe(true);
    expect(() => readSettings({ ...env, BKG_NO_AUTH: 'yes' })).toThrow('BKG_NO_AUTH is "yes"');
  });
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectFolder } from '../src/project.ts';
import { dashboardUrl, readSettings } from '../src/up/settings.ts';

describe('settings', () => {
  it('have defaults for everything', () => {
    const home = path.join(projectFolder, '.bkg');
    const pluginFolders: string[] = [];
    const loopback = { host: '127.0.0.1', busHost: '127.0.0.1' };
    expect(readSettings({})).toEqual({ home, ...loopback, port: 43119, busPort: 43121, pluginFolders });
  });

  it('take a relative home from the folder of the project, not from where one happens to be', () => {
    expect(readSettings({ BKG_HOME: 'elsewhere' }).home).toBe(path.join(projectFolder, 'elsewhere'));
  });

  it('are refused with everything that is wrong with them at once', () => {
    const env = {
      BKG_PORT: '70000',
      BKG_PLUGIN_BUS_PORT: 'x',
      BKG_HOST: 'a b',
      BKG_PUBLIC_URL: 'a b',
      BKG_NO_AUTH: 'x',
      BKG_CREDENTIALS_FILE: '/x',
      BKG_PLUGINS_PATH: import.meta.filename,
    };
    const read = (): unknown => readSettings(env);
    for (const name of Object.keys(env)) expect(read).toThrow(name);
    expect(read).toThrow('BKG_PORT is "70000": it takes a whole number from 0 to 65535');
  });

  it('take more folders with plugins, from where npm start was called, each once, there or not', () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'bkg-cli-'));
    mkdirSync(path.join(dir, 'here'));
    const folders = (given: string, more = {}): readonly string[] =>
      readSettings({ BKG_PLUGINS_PATH: given, ...more }).pluginFolders;
    expect(folders(`${dir}/here:: ${dir}/later :${dir}/here/`)).toEqual([`${dir}/here`, `${dir}/later`]);
    expect(folders('here:../up', { INIT_CWD: `${dir}/x` })).toEqual([`${dir}/x/here`, `${dir}/up`]);
    expect(folders('mine')).toEqual([path.resolve('mine')]);
    expect(folders('')).toEqual([]);
    writeFileSync(path.join(dir, 'file'), '');
    expect(() => folders(`${dir}/here:${dir}/file`)).toThrow(`${dir}/file, which is no folder`);
    rmSync(dir, { recursive: true });
  });

  it('take any address or name to listen on, and refuse what is neither', () => {
    const hosts = [
      '127.0.0.1',
      '127.0.0.2',
      '::1',
      'localhost',
      '0.0.0.0',
      '::',
      '192.168.0.7',
      'mesh.example',
    ];
    for (const host of hosts) expect(readSettings({ BKG_HOST: host }).host).toBe(host);
    for (const host of ['127.0.0.999', '[::1]', 'a b', 'http://a', 'a:1', '-a', 'a..b', '10'])
      expect(() => readSettings({ BKG_HOST: host }), host).toThrow(
        `BKG_HOST is "${host}": it takes an address or a name of this machine`,
      );
  });

  it('take the origin that people use, and nothing with more in it', () => {
    const read = (given: string): string | undefined => readSettings({ BKG_PUBLIC_URL: given }).publicUrl;
    expect(read('https://Mesh.example')).toBe('https://mesh.example');
    expect(read(' http://10.0.0.1:8080/ ')).toBe('http://10.0.0.1:8080');
    expect(read('https://[2001:db8::1]:443')).toBe('https://[2001:db8::1]');
    expect(read('')).toBe(undefined);
    const wrong = [
      'mesh.example',
      'ftp://a',
      'https://',
      'https://a/b',
      'https://a?b',
      'https://a/#b',
      'https://a/..',
    ];
    for (const given of wrong)
      expect(() => read(given), given).toThrow(`BKG_PUBLIC_URL is "${given}": it takes`);
    expect(() => read('https://me:secret@a')).toThrow(/^(?!.*secret)[^]*BKG_PUBLIC_URL is "https:\/\/…@a"/);
  });

  it('let nobody be asked who they are on this machine only, and only when it is said so', () => {
    const read = (given: string, more = {}): true | undefined =>
      readSettings({ BKG_NO_AUTH: given, ...more }).noAuth;
    expect(read('1')).toBe(true);
    expect(read('1', { BKG_HOST: '::1', BKG_PUBLIC_URL: 'http://localhost:8080' })).toBe(true);
    expect(read('')).toBe(undefined);
    for (const given of ['0', 'true', 'yes'])
      expect(() => read(given)).toThrow(`BKG_NO_AUTH is "${given}": it takes 1`);
    expect(() => read('1', { BKG_HOST: '0.0.0.0' })).toThrow('others reach the gateway at 0.0.0.0');
    expect(() => read('1', { BKG_HOST: 'localhost.example' })).toThrow('others reach the gateway');
    expect(() => read('1', { BKG_PUBLIC_URL: 'https://mesh.example' })).toThrow('at mesh.example');
  });

  it('let others reach the broker by TLS only, with all that it takes', () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'bkg-cli-'));
    for (const name of ['cert.pem', 'key.pem', 'ca.pem']) writeFileSync(path.join(dir, name), name);
    const read = (bus: Record<string, string>, more: Record<string, string> = {}) =>
      readSettings({
        INIT_CWD: dir,
        ...Object.fromEntries(Object.entries(bus).map(([name, value]) => [`BKG_PLUGIN_BUS_${name}`, value])),
        ...more,
      });
    for (const host of ['0.0.0.0', '::', '192.168.0.7', 'mesh.example'])
      expect(() => read({ HOST: host }), host).toThrow(
        /which other machines can reach, and without TLS [^]* set BKG_PLUGIN_BUS_TLS_CERT and/,
      );
    for (const host of ['127.0.0.1', '127.0.0.2', '::1', 'localhost'])
      expect(read({ HOST: host })).toMatchObject({ busHost: host });
    const tls = { TLS_CERT: 'cert.pem', TLS_KEY: `${dir}/key.pem` };
    expect(read({ HOST: '0.0.0.0', ...tls })).toMatchObject({
      busHost: '0.0.0.0',
      busTls: { cert: `${dir}/cert.pem`, key: `${dir}/key.pem` },
    });
    expect(read({ ...tls, TLS_CA: 'ca.pem' }).busTls).toMatchObject({ ca: `${dir}/ca.pem` });
    expect(() => read({ TLS_CERT: 'cert.pem' })).toThrow('TLS takes BKG_PLUGIN_BUS_TLS_CERT and');
    expect(() => read({ TLS_CA: 'ca.pem' })).toThrow('TLS takes BKG_PLUGIN_BUS_TLS_CERT and');
    expect(() => read({ ...tls, TLS_KEY: 'nowhere.pem' })).toThrow(
      `BKG_PLUGIN_BUS_TLS_KEY names ${dir}/nowhere.pem, which cannot be read`,
    );
    expect(() => read({ ...tls, TLS_CERT: '.' })).toThrow('which is no file');
    expect(() => read(tls, { BKG_NATS_URL: 'tls://a:b@host' })).toThrow('are set beside BKG_NATS_URL');
    expect(() => read({ HOST: 'not a host' })).toThrow('it takes an address or name of this machine');
    rmSync(dir, { recursive: true });
  });

  it('want two different ports, unless the bus is elsewhere or any port will do', () => {
    const same = { BKG_PORT: '5000', BKG_PLUGIN_BUS_PORT: '5000' };
    expect(() => readSettings(same)).toThrow('are both 5000');
    expect(readSettings({ ...same, BKG_NATS_URL: 'nats://a:b@host' }).port).toBe(5000);
    expect(readSettings({ BKG_PORT: '0', BKG_PLUGIN_BUS_PORT: '0' })).toMatchObject({ port: 0, busPort: 0 });
  });

  it('separate the credentials of a broker from its addresses', () => {
    expect(readSettings({ BKG_NATS_URL: 'nats://me:p%40ss@one:4222, tls://two:4223,three' }).broker).toEqual({
      servers: ['nats://one:4222', 'tls://two:4223', 'nats://three'],
      credentials: { user: 'me', password: 'p@ss' },
    });
  });

  it('take them from a file as well', () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'bkg-cli-'));
    const file = path.join(dir, 'credentials.json');
    const credentials = { user: 'me', password: 'secret' };
    writeFileSync(file, JSON.stringify(credentials));
    const env = { BKG_NATS_URL: 'nats://one:4222', BKG_CREDENTIALS_FILE: file };
    expect(readSettings(env).broker).toEqual({
      servers: ['nats://one:4222'],
      credentials,
      credentialsFile: file,
    });
    rmSync(dir, { recursive: true });
  });

  it('refuse a broker without credentials, with them twice, or with half of them, and never repeat them', () => {
    const read = (url: string, file?: string) => (): unknown =>
      readSettings({ BKG_NATS_URL: url, ...(file && { BKG_CREDENTIALS_FILE: file }) });
    expect(read('nats://one')).toThrow('comes without credentials');
    expect(read('nats://a:b@one', '/file')).toThrow('both hold credentials');
    expect(read('nats://secret@one')).toThrow(/^(?!.*secret)[^]*a user or a password, but not both/);
    expect(read('http://a:secret@one')).toThrow(/^(?!.*secret)[^]*not the address of a broker/);
  });
});

describe('the address of the dashboard', () => {
  it('is what a browser on this machine takes', () => {
    expect(dashboardUrl({ host: '127.0.0.1', port: 1 })).toBe('http://localhost:1');
    expect(dashboardUrl({ host: '::1', port: 1 })).toBe('http://[::1]:1');
    expect(dashboardUrl({ host: '127.0.0.2', port: 1 })).toBe('http://127.0.0.2:1');
    expect(dashboardUrl({ host: '0.0.0.0', port: 1 })).toBe('http://localhost:1');
    expect(dashboardUrl({ host: '::', port: 1 })).toBe('http://[::1]:1');
    expect(dashboardUrl({ host: '0.0.0.0', port: 1, publicUrl: 'https://mesh.example' })).toBe(
      'https://mesh.example',
    );
  });
});

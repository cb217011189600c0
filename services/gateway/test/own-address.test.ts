import { describe, expect, it } from 'vitest';
import { ownHosts, refusal } from '../src/http/own-address.ts';

const hosts = ownHosts('127.0.0.1', 43119);

describe('who may talk to the gateway', () => {
  it.each(['localhost:43119', '127.0.0.1:43119', '[::1]:43119', 'LOCALHOST:43119'])('%s may', (host) => {
    expect(refusal(hosts, host, undefined)).toBeUndefined();
    expect(refusal(hosts, host, `http://${host.toLowerCase()}`)).toBeUndefined();
  });

  it.each([
    undefined,
    '',
    'localhost',
    'localhost:43118',
    'localhost:43119 ',
    'localhost.:43119',
    'evil.example:43119',
    'localhost.evil.example:43119',
    '127.0.0.1.evil.example:43119',
    'user@localhost:43119',
    '0.0.0.0:43119',
    '127.0.0.2:43119',
    '[::]:43119',
    'localhost:43119, evil.example',
  ])('Host %j may not', (host) => {
    expect(refusal(hosts, host, undefined)).toMatch(/^The Host header is .*localhost:43119/);
  });

  it.each([
    'null',
    '',
    'http://evil.example',
    'https://localhost:43119',
    'http://localhost',
    'http://localhost:43118',
    'http://localhost:43119.evil.example',
    'http://localhost:43119/',
    'http://127.0.0.1:43119',
    'HTTP://localhost:43119',
    'http://localhost:43119, http://evil.example',
  ])('Origin %j may not', (origin) => {
    expect(refusal(hosts, 'localhost:43119', origin)).toMatch(/^The Origin header is/);
  });

  it('knows the address it was told to listen on, but no wildcard', () => {
    expect(ownHosts('192.168.1.5', 8080)).toContain('192.168.1.5:8080');
    expect(ownHosts('fe80::1', 8080)).toContain('[fe80::1]:8080');
    expect([...ownHosts('0.0.0.0', 8080)]).toEqual(['localhost:8080', '127.0.0.1:8080', '[::1]:8080']);
    expect([...ownHosts('::', 8080)]).toEqual(['localhost:8080', '127.0.0.1:8080', '[::1]:8080']);
  });

  it('takes names without a port when the port is the default one', () => {
    expect(refusal(ownHosts('127.0.0.1', 80), 'localhost', 'http://localhost')).toBeUndefined();
    expect(refusal(ownHosts('127.0.0.1', 80), 'localhost:80', undefined)).toBeUndefined();
  });

  it('knows the public address, under which pages come by TLS', () => {
    const url = new URL('https://mesh.example');
    const all = ownHosts('127.0.0.1', 43119, url);
    for (const host of ['mesh.example', 'mesh.example:443', 'localhost:43119']) {
      expect(refusal(all, host, undefined, url)).toBeUndefined();
      // The proxy in between may call us by the name that it knows.
      expect(refusal(all, host, 'https://mesh.example', url)).toBeUndefined();
    }
    for (const host of ['mesh.example:43119', 'mesh.example:80', 'a.mesh.example', 'mesh.example.evil']) {
      expect(refusal(all, host, undefined, url)).toMatch(/^The Host header is/);
    }
    for (const origin of ['https://evil.example', 'https://mesh.example:8443', 'null']) {
      expect(refusal(all, 'mesh.example', origin, url)).toMatch(/^The Origin header is/);
    }
    expect(ownHosts('127.0.0.1', 43119, new URL('http://mesh.example:8080'))).toContain('mesh.example:8080');
  });
});

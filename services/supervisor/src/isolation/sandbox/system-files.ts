import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { Access } from './landlock.ts';

/** A file, or a folder with all that is in it. */
export interface Opening {
  path: string;
  access: Access;
}

const programs = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/nix/store', '/gnu/store'];

/** No secrets are in these; programs start without some of them, but not all do. */
const settings = [
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'ld.so.preload',
  'ssl',
  'pki',
  'ca-certificates',
  'crypto-policies',
  'localtime',
  'timezone',
  'locale.alias',
  'locale.conf',
  'hosts',
  'host.conf',
  'hostname',
  'resolv.conf',
  'gai.conf',
  'nsswitch.conf',
  'services',
  'protocols',
  'passwd',
  'group',
  'mime.types',
  'os-release',
];

const devices = ['/dev/null', '/dev/zero', '/dev/full'];
const sources = ['/dev/random', '/dev/urandom'];

/**
 * Of /proc, what concerns other processes in detail (environment, memory, open files, root) takes the right to trace
 * them, which the sandbox does not give; their command lines can be read. Of /sys, what runtimes ask for the machine.
 */
const facts = ['/proc', '/sys/fs/cgroup', '/sys/devices/system', '/sys/kernel/mm/transparent_hugepage'];

/** What every program may have of the system, whether it is there or not. */
export function systemFiles(): Opening[] {
  const opened = (access: Access, paths: string[]): Opening[] => paths.map((one) => ({ path: one, access }));
  return [
    ...opened('run', programs),
    ...opened(
      'read',
      [...settings, ...settingsOfPython()].map((name) => path.join('/etc', name)),
    ),
    ...opened('read', facts),
    ...opened('device', devices),
    ...opened('read', sources),
  ];
}

/** Python does not start when it finds its `sitecustomize` and may not read it. */
function settingsOfPython(): string[] {
  return readdirSync('/etc').filter((name) => name.startsWith('python'));
}

import { realpathSync } from 'node:fs';
import path from 'node:path';
import type { LauncherRules } from './launcher-rules.ts';
import { moduleFolders } from './module-folders.ts';
import { brokerPorts } from './broker-address.ts';

export interface SandboxRules {
  /** The project's Node: it runs the launcher, and the plugin may run it too. */
  node: string;
  /** BKG_HOME. */
  home: string;
  /** The plugin's own folder: read and execute, with the packages that it can import. */
  folder: string;
  /** The only one where it can write. It is there already, and belongs to who the plugin runs as. */
  dataDir: string;
  /** Its credentials and configuration: read. They are there already. */
  files: readonly string[];
  /** Folders that it can read when they are there. */
  readable: readonly string[];
  /** As in BKG_NATS_URL: nothing can be connected to but these ports. */
  servers: string;
}

const project = path.resolve(import.meta.dirname, '../../../../..');
/** Compiled: the types need not be taken away at every start. */
export const sandboxPrograms = path.join(project, 'services/supervisor/dist/isolation/sandbox');

/**
 * The command that seals itself in and then becomes the plugin's own, with the same pid. Who runs it needs no rights,
 * but must be able to read the project.
 * @throws what the system says when the plugin's folder cannot be read; Error when `servers` has no port
 */
export function sandboxed(options: { command: string; args: readonly string[]; rules: SandboxRules }): {
  command: string;
  args: string[];
} {
  const { command, args, rules } = options;
  const { node, home, folder, dataDir, files, readable, servers } = rules;
  const sealed: LauncherRules = {
    run: [folder, realpathSync(node), ...moduleFolders(folder, { project, home: realHome(home) })],
    own: [dataDir],
    read: [...files],
    readIfThere: [...readable],
    ports: brokerPorts(servers),
    supervisorUser: process.getuid!(),
  };
  return {
    command: '/usr/bin/env',
    args: [
      // What comes from the plugin's configuration must not get code of its own into the launcher: neither by what Node
      // has compiled before, nor by what OpenSSL is told to load.
      'NODE_DISABLE_COMPILE_CACHE=1',
      node,
      '--openssl-config=/dev/null',
      '--experimental-ffi',
      '--no-warnings',
      path.join(sandboxPrograms, 'launcher.js'),
      JSON.stringify(sealed),
      command,
      ...args,
    ],
  };
}

function realHome(home: string): string {
  try {
    return realpathSync(home);
  } catch {
    return path.resolve(home);
  }
}

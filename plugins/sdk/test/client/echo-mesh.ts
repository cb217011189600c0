import { Instance } from '../../src/instance.ts';
import type { InstanceOptions } from '../../src/instance.ts';
import type { PluginConfig } from '../../src/protocol/plugin.ts';
import { configDefaults } from '../../src/protocol/plugin.ts';
import { silentLogger } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { createEcho } from '../echo.ts';

export interface EchoMesh {
  echo: {
    'text.say': { input: { text: string }; output: { text: string } };
    'text.wait': { input: { ms: number }; output: { waited: number } };
    'text.heed': { input: { ms: number }; output: object };
    'text.lie': { input: object; output: { text: string } };
    'text.large': { input: { bytes: number }; output: { text: string } };
    'text.fail': { input: { how: string }; output: object };
  };
}

export type Echo = ReturnType<typeof createEcho> & { instance: Instance };

/** A running instance of the plugin `echo`, or of the same under another name, on a connection of its own. */
export async function startEcho(
  server: TestServer,
  limits: Partial<PluginConfig['limits']> = {},
  options: Partial<InstanceOptions> = {},
  id = 'echo',
): Promise<Echo> {
  const echo = createEcho(id);
  const instance = new Instance(echo.plugin, {
    connection: await server.connect(id),
    config: { id, ...configDefaults, limits: { ...configDefaults.limits, ...limits } },
    log: silentLogger,
    ...options,
  });
  await instance.start();
  return { ...echo, instance };
}

import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { Connection } from '../../src/connection.ts';
import { Instance } from '../../src/instance.ts';
import type { InstanceOptions } from '../../src/instance.ts';
import { configDefaults } from '../../src/protocol/plugin.ts';
import type { PluginConfig } from '../../src/protocol/index.ts';
import { silentLogger, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { RawCall } from './raw-call.ts';
import type { RawCallOptions } from './raw-call.ts';
import { createReel } from './reel.ts';

/** A nats-server for the tests of a file, and instances of `reel` that leave nothing behind. */
export class ReelMesh {
  server!: TestServer;
  caller!: Connection;
  readonly #instances: Instance[] = [];

  constructor() {
    beforeAll(async () => {
      this.server = await startNatsServer({ jetstream: false });
      this.caller = await this.server.connect('caller');
    });
    afterEach(async () => {
      const instances = this.#instances.splice(0);
      await Promise.all(instances.map((instance) => instance.drain(0)));
      for (const instance of instances)
        expect({ inFlight: instance.telemetry().in_flight, flows: instance.openFlows }).toEqual({
          inFlight: 0,
          flows: 0,
        });
    });
    afterAll(() => this.server.stop());
  }

  async start(options: Partial<InstanceOptions> = {}) {
    const reel = createReel();
    const connection = await this.server.connect('reel');
    const instance = new Instance(reel.plugin, { connection, log: silentLogger, ...options });
    this.#instances.push(instance);
    await instance.start();
    return { instance, connection, ...reel };
  }

  call(capability: string, options: RawCallOptions = {}, connection = this.caller): RawCall {
    return new RawCall(connection, capability, options);
  }
}

export const limits = (changes: Partial<PluginConfig['limits']>, timeoutSecs = 30): PluginConfig => ({
  id: 'reel',
  ...configDefaults,
  limits: { ...configDefaults.limits, ...changes },
  resources: { ...configDefaults.resources, timeout_secs: timeoutSecs },
});

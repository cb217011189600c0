import { Type } from '../../src/type.ts';
import { capability, definePlugin } from '../../src/define-plugin.ts';
import type { Capability } from '../../src/define-plugin.ts';
import { Instance } from '../../src/instance.ts';
import type { Principal } from '../../src/protocol/access.ts';
import { PluginError } from '../../src/protocol/errors.ts';
import { silentLogger } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import type { KeyProof, Verdict } from '../../src/access/keeper.ts';

export const principal = (prefix: string): Principal => ({
  prefix,
  name: 'a',
  owner: '',
  scopes: ['read'],
  broker: false,
  revision: 1,
});

/** Stands in for apikeys on a real broker: it answers what the test says, and counts how often it was asked. */
export class KeeperPlugin {
  verify: (proof: KeyProof) => Verdict | Promise<Verdict> = ({ prefix }) => ({
    principal: principal(prefix),
  });
  session: (hash: string) => Verdict | Promise<Verdict> = () => ({ principal: principal('Kaaaaaaaaa') });
  asked = 0;
  #instance: Instance | undefined;

  async start(server: TestServer): Promise<this> {
    const plugin = definePlugin({
      id: 'apikeys',
      version: '1.0.0',
      description: 'Stands in for apikeys.',
      capabilities: {
        'key.verify': this.#answers((proof: KeyProof) => this.verify(proof)),
        'session.verify': this.#answers(({ hash }: { hash: string }) => this.session(hash)),
        'key.get': this.#answers(() => {
          throw new PluginError('APIKEYS_NOT_FOUND', 'There is no such key.');
        }),
        'role.list': this.#answers(() => ({ roles: [] })),
      },
    });
    const connection = await server.connect('apikeys');
    this.#instance = new Instance(plugin, { connection, log: silentLogger });
    await this.#instance.start();
    return this;
  }

  async stop(): Promise<void> {
    await this.#instance?.drain();
  }

  #answers<T>(answer: (input: T) => unknown): Capability {
    return capability({
      description: 'Answers.',
      input: Type.Unsafe<T>(Type.Any()),
      output: Type.Any(),
      errors: { APIKEYS_NOT_FOUND: { number: 404, retryable: false, description: 'None.' } },
      handler: (input: T) => {
        this.asked += 1;
        return answer(input);
      },
    });
  }
}

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

import { expectTypeOf, it } from 'vitest';
import type { Client, InvokeOptions } from '../../src/client/client.ts';
import { connectClient } from '../../src/client/nats/index.ts';
import { connectGateway } from '../../src/client/ws/index.ts';

interface Mesh {
  candle: {
    'model.infer': { input: { input: string; top?: number }; output: { label: string } };
    'model.list': { input: object; output: string[] };
  };
  hub: { fetch: { input: { id: string }; output: null } };
}

// Never called: what is to be seen is whether it compiles.
function invocations(client: Client<Mesh>, anything: Client): void {
  expectTypeOf(client.invoke('candle', 'model.infer', { input: 'a' })).resolves.toEqualTypeOf<{
    label: string;
  }>();
  expectTypeOf(client.invoke('candle', 'model.list', {})).resolves.toEqualTypeOf<string[]>();
  expectTypeOf(client.invoke('hub', 'fetch', { id: 'a' }, { timeoutMs: 1 })).resolves.toEqualTypeOf<null>();
  // @ts-expect-error no such plugin
  void client.invoke('candel', 'model.infer', { input: 'a' });
  // @ts-expect-error no such capability
  void client.invoke('candle', 'model.infre', { input: 'a' });
  // @ts-expect-error a capability of another plugin
  void client.invoke('hub', 'model.infer', { input: 'a' });
  // @ts-expect-error a member is missing
  void client.invoke('candle', 'model.infer', {});
  // @ts-expect-error of another type
  void client.invoke('candle', 'model.infer', { input: 1 });
  // @ts-expect-error a member too many
  void client.invoke('candle', 'model.infer', { input: 'a', tpo: 1 });
  // @ts-expect-error the input of another capability
  void client.invoke('candle', 'model.infer', { id: 'a' });
  // @ts-expect-error no such option
  void client.invoke('hub', 'fetch', { id: 'a' }, { timeout: 1 });
  expectTypeOf(anything.invoke('any', 'thing', { at: 'all' })).resolves.toEqualTypeOf<unknown>();
  void anything.invoke('any', 'thing', undefined);
}

it('a mesh that is described lets nothing else be invoked', () => {
  expectTypeOf(connectClient<Mesh>).returns.resolves.toExtend<Client<Mesh>>();
  expectTypeOf(connectGateway<Mesh>).returns.toExtend<Client<Mesh>>();
  expectTypeOf(connectGateway).returns.toExtend<Client>();
  expectTypeOf<InvokeOptions>().toHaveProperty('idempotent');
  // @ts-expect-error a capability without an output
  expectTypeOf<Client<{ a: { b: { input: string } } }>>();
  expectTypeOf(invocations).parameter(0).toEqualTypeOf<Client<Mesh>>();
});

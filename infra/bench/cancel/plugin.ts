import { capability, definePlugin, Type } from '@bkg/sdk';
import type { Connection, PluginDefinition } from '@bkg/sdk';

export const sleeper = 'sleeper';

/** Where the handler with a key says what it sees: `begun`, or `aborted` with the time. */
export const sightSubject = (key: string): string => `bench.sight.${key}`;

/** What is sent here is answered with the time at which it came, by nats.js alone. */
export const clockSubject = 'bench.clock';

export interface Sight {
  what: 'begun' | 'aborted';
  /** By `clockMs`. */
  at: number;
}

/** Ms on the system's monotonic clock, which is the same in all processes of a machine. */
export function clockMs(): number {
  return Number(process.hrtime.bigint()) / 1_000_000;
}

/** A plugin whose handlers wait for nothing but the end of their signal. */
export function defineSleeper(): PluginDefinition {
  let connection: Connection | undefined;
  const tell = (key: string, sight: Sight): void =>
    void connection?.publish(sightSubject(key), JSON.stringify(sight));
  return definePlugin({
    id: sleeper,
    version: '1.0.0',
    description: 'Sleeps until it is woken.',
    capabilities: {
      sleep: capability({
        description: 'Sleeps; or lets sleep, so many times one within the other.',
        input: Type.Object({ key: Type.String(), depth: Type.Integer({ minimum: 0, maximum: 3 }) }),
        output: Type.Null(),
        handler: async ({ key, depth }, { signal, invoke }) => {
          if (depth > 0) {
            await invoke(sleeper, 'sleep', { key, depth: depth - 1 });
            return null;
          }
          const woken = Promise.withResolvers<null>();
          const wake = (): void => {
            tell(key, { what: 'aborted', at: clockMs() });
            woken.reject(signal.reason);
          };
          signal.addEventListener('abort', wake, { once: true });
          tell(key, { what: 'begun', at: clockMs() });
          return await woken.promise;
        },
      }),
      say: capability({
        description: 'Says it again, at once.',
        input: Type.Object({ text: Type.String() }),
        output: Type.Object({ text: Type.String() }),
        handler: (input) => input,
      }),
    },
    start: (context) => {
      ({ connection } = context);
      connection.nats.subscribe(clockSubject, { callback: (_, msg) => void msg.respond(String(clockMs())) });
      return Promise.resolve();
    },
  });
}

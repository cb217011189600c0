import type { Topic } from '@bkg/sdk';
import type { Broker } from '../mesh/broker.ts';
import type { Catalog } from '../mesh/catalog.ts';
import { Horizons } from './horizons.ts';
import type { LogSource } from './log-source.ts';
import { LogTopic } from './log-topic.ts';
import type { LogTopicOptions } from './log-topic.ts';
import type { PluginBodies } from './plugin-bodies.ts';
import { Sequence } from './sequence.ts';
import { StateTopic } from './state-topic.ts';
import type { StateLogOptions } from './state-log.ts';
import type { TelemetrySource } from './telemetry-source.ts';
import { Throttle } from './throttle.ts';

export interface MeshTopicsOptions extends LogTopicOptions, StateLogOptions {
  /** Of each plugin at most one telemetry frame in this time, while somebody has named it. @default 1000 */
  telemetryEveryMs?: number;
}

/** What can be subscribed to. */
export interface MeshTopics {
  sequence: Sequence;
  horizons: Horizons;
  /** `plugins` and `plugin` are two views of one. */
  states: Record<Exclude<Topic, 'logs'>, StateTopic>;
  logs: LogTopic;
  telemetry: TelemetrySource;
  close: () => void;
}

export interface MeshTopicsParts {
  broker: Broker;
  catalog: Catalog;
  bodies: PluginBodies;
  lines: LogSource;
  telemetry: TelemetrySource;
}

/** Who follows the telemetry of all plugins gets, of all together, no more frames a second than this. */
const framesPerSecond = 50;

export function createTopics(parts: MeshTopicsParts, options: MeshTopicsOptions = {}): MeshTopics {
  const { broker, catalog, bodies, lines, telemetry: source } = parts;
  const { telemetryEveryMs = 1_000 } = options;
  const sequence = new Sequence();
  const common = { ...options, sequence, isReady: () => catalog.ready };
  const plugins = new StateTopic({ ...common, encode: (id) => bodies.info(id) });
  const telemetry = new StateTopic({ ...common, encode: (id) => bodies.telemetry(id) });
  const logs = new LogTopic(broker, lines, sequence, options);
  const everyMsOf = (id: string): number =>
    telemetry.isNamed(id)
      ? telemetryEveryMs
      : Math.max(telemetryEveryMs, (catalog.size * 1_000) / framesPerSecond);
  const heard = new Throttle(everyMsOf, (id) => {
    if (catalog.get(id)) telemetry.changed(id);
  });

  const follow = (id: string): void => {
    if (!catalog.get(id)) {
      plugins.gone(id);
      telemetry.gone(id);
      return;
    }
    plugins.changed(id);
    // Its instances may be others, over which the telemetry is.
    heard.hit(id);
  };
  for (const id of catalog.ids()) follow(id);
  const stops = [
    catalog.onChange(follow),
    catalog.onRead(() => [plugins, telemetry].forEach((topic) => topic.tellAll())),
    catalog.telemetry.onHear((id) => {
      // Told to who has asked once, it is none of the others' changes.
      if (source.hears(id)) heard.hit(id);
    }),
  ];
  return {
    sequence,
    horizons: new Horizons(sequence),
    states: { plugins, plugin: plugins, telemetry },
    logs,
    telemetry: source,
    close: () => {
      for (const stop of stops) stop();
      heard.close();
      logs.close();
    },
  };
}

import type { Topic } from '@bkg/sdk';
import type { PluginFilter } from './audience.ts';
import { dataFrame, nullBody, pluginFrame, snapshotFrame } from './out-frame.ts';
import type { OutFrame } from './out-frame.ts';
import type { Sequence } from './sequence.ts';
import type { StateChange } from './state-log.ts';
import type { StateTopic } from './state-topic.ts';

export interface StateSubscriptionParts {
  id: string;
  name: Exclude<Topic, 'logs'>;
  topic: StateTopic;
  plugins: PluginFilter;
  sequence: Sequence;
  /** What the client knows already; undefined when it needs a snapshot. */
  afterSeq: number | undefined;
  /** Everything that follows the snapshot will be heard. */
  isReady: () => boolean;
}

/** One client's way through a topic of states. Nothing waits for it: what is next is looked up when it can be sent. */
export class StateSubscription {
  readonly #parts: StateSubscriptionParts;
  #seq: number | undefined;

  constructor(parts: StateSubscriptionParts) {
    this.#parts = parts;
    this.#seq = parts.afterSeq;
  }

  /** The next frame to send, if there is one. */
  next(): OutFrame | undefined {
    const { topic, plugins, isReady } = this.#parts;
    if (!topic.isReady || !isReady()) return undefined;
    if (this.#seq === undefined || !topic.reachesBackTo(this.#seq)) return this.#snapshot();
    for (;;) {
      const change = topic.after(this.#seq, plugins);
      if (!change) return undefined;
      this.#seq = change.seq;
      const frame = this.#frameOf(change);
      if (frame) return frame;
    }
  }

  #snapshot(): OutFrame {
    const { id, name, topic, plugins, sequence } = this.#parts;
    // Of a second one the number has to be greater than that of all before.
    this.#seq = this.#seq === undefined ? sequence.last : sequence.next();
    const [plugin = ''] = plugins ?? [];
    const body = name === 'plugin' ? (topic.encode(plugin) ?? nullBody) : topic.encodeAll(plugins);
    return snapshotFrame(id, name, this.#seq, body);
  }

  #frameOf({ id: plugin, seq, isGone }: StateChange): OutFrame | undefined {
    const { id, name, topic } = this.#parts;
    if (isGone) {
      if (name === 'telemetry') return undefined;
      const removed = name === 'plugin' ? nullBody : Buffer.from(JSON.stringify({ removed: plugin }));
      return dataFrame(id, name, seq, removed);
    }
    const body = topic.encode(plugin);
    // Gone meanwhile, which has a number of its own.
    if (!body) return undefined;
    return name === 'plugins' ? pluginFrame(id, seq, body) : dataFrame(id, name, seq, body);
  }
}

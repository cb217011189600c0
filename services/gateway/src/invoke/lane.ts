import type { Subscription } from '@nats-io/nats-core';
import { BkgError, LostCalls, subjects } from '@bkg/sdk';
import type { LostCallsOptions } from '@bkg/sdk';
import type { Broker } from '../mesh/broker.ts';

export interface LaneOptions extends Pick<LostCallsOptions, 'instancesOf'> {
  /** Whose invocations go through it. @default those of all */
  plugin?: string;
  /** For what must not wait until it is back. @default itself */
  spare?: Broker;
}

/** A connection for invocations, and what becomes of them when it, or an instance, is lost. */
export class Lane {
  readonly broker: Broker;
  /** Those that wait for their answers. */
  readonly running: LostCalls;
  readonly #spare: Broker;
  /** Since that was asked last. */
  #wasUsed = false;
  #users = 0;
  #statusEvents: Subscription | undefined;

  constructor(broker: Broker, { plugin, spare = broker, ...lost }: LaneOptions) {
    this.broker = broker;
    this.#spare = spare;
    this.running = new LostCalls(broker, (detail) => new BkgError('PLUGIN_CRASHED', detail), lost);
    const follow = (connected: boolean): void => {
      this.running.connectionChanged(connected);
      // Over the same connection: the broker keeps the order of an instance's answers and its end.
      if (connected)
        this.#statusEvents ??= broker.subscribe(subjects.events('status', plugin), (msg) =>
          this.running.statusEvent(msg),
        );
    };
    broker.onStatus(follow);
    if (broker.connected) follow(true);
  }

  /** An invocation needs it until it leaves, also while it waits to be sent again. */
  enter(): void {
    this.#users += 1;
    this.#wasUsed = true;
  }

  leave(): void {
    this.#users -= 1;
  }

  /** Whether nobody needs it, and nobody has since this was asked last. */
  rests(): boolean {
    const hasRested = this.#users === 0 && !this.#wasUsed;
    this.#wasUsed = false;
    return hasRested;
  }

  /** Whoever has an invocation need not go on. @returns false when the broker is away */
  cancel(pluginId: string, invocationId: string): boolean {
    // As long as it is there: on another connection this could come before the invocation itself.
    const way = this.broker.connected ? this.broker : this.#spare;
    return way.publish(subjects.cancel(pluginId), JSON.stringify({ invocation_id: invocationId }));
  }

  /** Ends all that is running. */
  cutOff(why: Error): void {
    this.running.endAll(() => why);
    this.#statusEvents?.unsubscribe();
  }
}

import type { ClientState } from '@bkg/sdk/client/ws';
import { connectionAtStart, connectionOf, hiccupMs, type Connection } from './connection.ts';

/** The part of the gateway's client that tells of its socket. */
export interface Connected {
  readonly state: ClientState;
  onState: (listener: (state: ClientState) => void) => () => void;
  retryNow: () => void;
}

/** The one connection state of the page: that of its one socket. */
export class ConnectionState {
  current = $state.raw<Connection>(connectionAtStart);
  #client: Connected;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: Connected) {
    this.#client = client;
  }

  /** @returns ends it */
  watch(): () => void {
    const look = () => {
      clearTimeout(this.#timer);
      this.current = connectionOf(this.#client.state, this.current, Date.now());
      if (this.current.phase === 'reconnecting') this.#timer = setTimeout(look, hiccupMs);
    };
    look();
    const unwatch = this.#client.onState(look);
    return () => {
      unwatch();
      clearTimeout(this.#timer);
    };
  }

  /** Since when what is shown may not be so any more, in ms since the epoch; undefined as long as it is. */
  get staleSince(): number | undefined {
    return this.current.lastContactAt;
  }

  retry(): void {
    this.#client.retryNow();
  }
}

import { connectionAtStart, contacted, failed, type Connection } from './connection.ts';
import { createAlarm } from './wait.ts';

/** The one connection state of the page. Whoever talks to the gateway reports here what happened. */
export class ConnectionState {
  current = $state.raw<Connection>(connectionAtStart);
  /** Ends the waits between tries. */
  readonly alarm = createAlarm();

  /** True when what is shown may not be so any more. */
  get stale(): boolean {
    return this.current.phase !== 'live' && this.current.lastContactAt !== undefined;
  }

  contacted(): void {
    this.current = contacted(Date.now());
  }

  /** @param answered the gateway did answer, with a failure */
  failed(reason: string, retryInMs: number, answered = false): void {
    this.current = failed(this.current, { reason, retryAt: Date.now() + retryInMs, answered });
  }

  retry(): void {
    this.alarm.ring();
  }
}

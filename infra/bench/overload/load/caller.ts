import type { Outcome } from './outcome.ts';

export interface CallerOptions {
  httpPort: number;
  busPort: number;
  apiKey: string;
  plugin: string;
  /** Invocations that it has to have room for at the same time. */
  mostUnderWay: number;
}

/** Who invokes the plugin, in one of the ways. */
export interface Caller extends AsyncDisposable {
  /** Never rejects. @param text which the answer has to repeat */
  call(text: string): Promise<Outcome>;
}

/** An invocation's deadline: longer than what waits here has to wait. */
export const timeoutMs = 10_000;

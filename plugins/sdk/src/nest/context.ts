import type { Msg } from '@nats-io/nats-core';
import { BaseRpcContext } from '@nestjs/microservices';

/** What `@Ctx()` gives a handler of BkgServer. */
export class BkgContext extends BaseRpcContext<[Msg, AbortSignal]> {
  get subject(): string {
    return this.args[0].subject;
  }

  /** Aborts at the caller's deadline and when the server closes. */
  get signal(): AbortSignal {
    return this.args[1];
  }

  header(name: string): string | undefined {
    return this.args[0].headers?.get(name) || undefined;
  }
}

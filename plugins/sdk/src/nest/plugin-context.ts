import { NatsContext } from '@nestjs/microservices';
import type { Invocation, InvocationContext } from '../invocation.ts';
import type { Logger } from '../logger.ts';

/**
 * What `@Ctx()` gives a handler of BkgPlugin: the invocation's context, and what Nest's own NATS transport gives. The
 * invocation is private, so that a pipe that copies what it is given leaves it alone.
 */
export class PluginContext extends NatsContext implements InvocationContext {
  readonly #invocation: Invocation;

  constructor(invocation: Invocation) {
    super([invocation.msg.subject, invocation.msg.headers]);
    this.#invocation = invocation;
  }

  get invocationId(): string {
    return this.#invocation.invocationId;
  }

  get capability(): string {
    return this.#invocation.capability;
  }

  get signal(): AbortSignal {
    return this.#invocation.signal;
  }

  get deadlineAt(): number {
    return this.#invocation.deadlineAt;
  }

  get log(): Logger {
    return this.#invocation.log;
  }

  get remainingMs(): InvocationContext['remainingMs'] {
    return this.#invocation.remainingMs;
  }

  get header(): InvocationContext['header'] {
    return this.#invocation.header;
  }

  get respondAs(): InvocationContext['respondAs'] {
    return this.#invocation.respondAs;
  }

  get invoke(): InvocationContext['invoke'] {
    return this.#invocation.invoke;
  }

  get stream(): InvocationContext['stream'] {
    return this.#invocation.stream;
  }

  get fetch(): InvocationContext['fetch'] {
    return this.#invocation.fetch;
  }
}

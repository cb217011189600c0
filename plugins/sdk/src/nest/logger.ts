import { inspect } from 'node:util';
import type { LoggerService } from '@nestjs/common';
import type { Logger } from '../logger.ts';

/** Nest's ConsoleLogger knows a stack among its arguments by the same look. */
const stackPattern = /\n\s+at .+:\d+:\d+/;

/** Nest's logger as the SDK's: JSON lines with the level, so that the mesh shows them as what they are. */
export class BkgLogger implements LoggerService {
  #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Goes on with another one, such as one that names the instance. */
  use(log: Logger): void {
    this.#log = log;
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.#write('fatal', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.#write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.#write('warn', message, rest);
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.#write('info', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.#write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.#write('trace', message, rest);
  }

  /** Of what Nest adds to a message the last text is where it comes from, and an error may have its stack before it. */
  #write(
    level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace',
    message: unknown,
    rest: unknown[],
  ): void {
    const given = rest.filter((one) => one !== undefined);
    const isStack = (one: unknown): boolean => typeof one === 'string' && stackPattern.test(one);
    const last = given.at(-1);
    const context = typeof last === 'string' && !isStack(last) ? last : undefined;
    const more = context === undefined ? given : given.slice(0, -1);
    const stack = more.find(isStack);
    const params = more.filter((one) => one !== stack);
    this.#log[level](
      {
        ...(context !== undefined && { context }),
        ...(message instanceof Error && { error: message }),
        ...(stack !== undefined && !(message instanceof Error) && { stack }),
        ...(params.length > 0 && { params }),
      },
      message instanceof Error ? message.message : typeof message === 'string' ? message : inspect(message),
    );
  }
}

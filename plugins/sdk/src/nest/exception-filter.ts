import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import { Catch } from '@nestjs/common';
import type { RpcExceptionFilter } from '@nestjs/common';
import { BaseRpcExceptionFilter } from '@nestjs/microservices';
import { throwError } from 'rxjs';
import type { Observable } from 'rxjs';
import { PluginContext } from './plugin-context.ts';

/**
 * Lets errors through to BkgServer or BkgPlugin as they are; Nest's own filter replaces everything it does not know.
 * For `app.useGlobalFilters(new BkgExceptionFilter())`. A BkgPlugin needs it only when the application's copy of Nest is
 * out of reach, as in a bundle; it must then be the first of the filters, because Nest asks the last one first.
 */
export class BkgExceptionFilter implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => asError(error));
  }
}
// The decorator as a call: the SDK's sources run without a compiler's help.
Catch()(BkgExceptionFilter);

type DefaultFilter = typeof BaseRpcExceptionFilter.prototype;

const opened = new WeakSet<DefaultFilter>();

/**
 * Makes the filter that Nest falls back on let the errors of a BkgPlugin's invocations through. A strategy has no other
 * way: it gets to see what the filters have made of an error, and a filter of ours among the application's own ones
 * would come before some of them. Invocations of every other transport are none of its business.
 */
export function openDefaultFilter(): void {
  open(BaseRpcExceptionFilter.prototype);
  const other = filterOfProgram();
  if (other) open(other);
}

function open(filter: DefaultFilter): void {
  if (opened.has(filter)) return;
  opened.add(filter);
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its `this` below
  const catchOfNest = filter.catch;
  filter.catch = function (this: DefaultFilter, error, host) {
    const isOurs = host?.getArgByIndex(1) instanceof PluginContext;
    return isOurs ? throwError(() => asError(error)) : catchOfNest.call(this, error, host);
  };
}

/** A service that has moved in brings its own copy of Nest along, which is not the one that we import. */
function filterOfProgram(): DefaultFilter | undefined {
  const [, program] = process.argv;
  if (!program) return undefined;
  try {
    const nest = createRequire(program)('@nestjs/microservices') as {
      BaseRpcExceptionFilter?: typeof BaseRpcExceptionFilter;
    };
    return nest.BaseRpcExceptionFilter?.prototype;
  } catch {
    // It finds none from there, so it is not what runs us. Should it be one after all, the log says what to do.
    return undefined;
  }
}

/** What is no Error counts as the words that a filter has chosen for the caller; these were not. */
function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(`what was thrown is no Error: ${inspect(error)}`);
}

import type { MessageHandler, MsPattern } from '@nestjs/microservices';
import { definePlugin } from '../define-plugin.ts';
import type { Capability, PluginDefinition } from '../define-plugin.ts';
import type { Invocation, InvocationContext } from '../invocation.ts';
import { isCapabilityId } from '../protocol/names.ts';
import { answerOf, toPlain } from './answer.ts';
import type { CapabilityContract, MappedCapability } from './capability.ts';
import { chunksOf } from './chunks.ts';
import { failureOf } from './failure.ts';
import { PluginContext } from './plugin-context.ts';

/** A handler as Nest registers it. */
export interface RegisteredHandler {
  pattern: MsPattern;
  /** The pattern as one text, the same for all ways to write it. */
  route: string;
  isEvent: boolean;
  callback: MessageHandler;
  extras: CapabilityContract & { capability?: string };
}

export interface DefinitionOptions extends Omit<PluginDefinition, 'capabilities' | 'start' | 'stop'> {
  /** For patterns that are no capability ids, and for what shall not stand in the controllers. */
  capabilities?: Record<string, MappedCapability>;
}

/**
 * The plugin that an application's handlers make.
 * @throws Error that lists every handler that cannot be a capability
 */
export function definitionOf(
  { capabilities: mapped = {}, ...identity }: DefinitionOptions,
  handlers: readonly RegisteredHandler[],
  routeOf: (pattern: MsPattern) => string,
): PluginDefinition {
  const problems: string[] = [];
  const capabilities = new Map<string, Capability>();
  const idByRoute = new Map(Object.entries(mapped).map(([id, one]) => [routeOf(one.pattern ?? id), id]));
  const unused = new Set(Object.keys(mapped));
  for (const handler of handlers) {
    const id = idByRoute.get(handler.route) ?? handler.extras.capability ?? handler.route;
    unused.delete(id);
    const problem = problemOf(handler, id, capabilities.has(id));
    if (problem) problems.push(problem);
    else {
      const contract = { ...handler.extras, ...mapped[id] };
      capabilities.set(id, capabilityOf(identity.id, id, contract, handler.callback));
    }
  }
  for (const id of unused) {
    const known = handlers.map(({ pattern }) => show(pattern)).join(', ') || 'none';
    problems.push(
      `capabilities has "${id}" with the pattern ${show(mapped[id]?.pattern ?? id)}, which no handler has. There are: ${known}.`,
    );
  }
  if (problems.length === 0)
    return definePlugin({ ...identity, capabilities: Object.fromEntries(capabilities) });
  throw new Error(
    `The plugin "${identity.id}" cannot be made of this Nest application:\n${problems.map((line) => `- ${line}`).join('\n')}`,
  );
}

function problemOf(
  { pattern, route, isEvent }: RegisteredHandler,
  id: string,
  isTaken: boolean,
): string | undefined {
  const shown = show(pattern);
  if (isEvent) {
    return `@EventPattern(${shown}) cannot be a capability, because an invocation is answered. Make it a @MessagePattern, or name the transport it is for: @EventPattern(${shown}, Transport.NATS).`;
  }
  if (isTaken) {
    return `Two handlers are the capability "${id}", the second by the pattern ${shown}: nobody could tell which one answers. Give one of them another pattern or id.`;
  }
  if (id === route && !isCapabilityId(id)) {
    return `The pattern ${shown} is no capability id (parts of a-z, 0-9, "_" and "-" between dots). Name it, as in capabilities: { ${suggestion(pattern)}: { pattern: ${shown} } }.`;
  }
  return undefined;
}

function capabilityOf(
  pluginId: string,
  id: string,
  contract: CapabilityContract,
  callback: MessageHandler,
): Capability {
  const { description = '', input = true, output = true, chunk, errors } = contract;
  const { name, upload, idempotent } = contract;
  const handle = (payload: unknown, context: InvocationContext): Promise<unknown> =>
    callback(payload, new PluginContext(context as Invocation));
  const promised = { name, description, input, output, upload, idempotent, errors };
  const failure = (error: unknown): unknown => failureOf(error, { pluginId, declared: errors });
  if (chunk !== undefined) {
    return {
      ...promised,
      chunk,
      async *handler(payload: unknown, context) {
        const chunks = chunksOf(id, handle(payload, context), context.signal);
        try {
          for (;;) {
            const { done, value } = await chunks.next();
            if (done) return toPlain(value);
            yield toPlain(value);
          }
        } catch (error) {
          throw failure(error);
        } finally {
          await chunks.return(null);
        }
      },
    };
  }
  return {
    ...promised,
    handler: async (payload: unknown, context) => {
      try {
        return await answerOf(id, handle(payload, context));
      } catch (error) {
        throw failure(error);
      }
    },
  };
}

function show(pattern: MsPattern): string {
  if (typeof pattern === 'string') return `'${pattern}'`;
  return pattern instanceof RegExp ? String(pattern) : JSON.stringify(pattern);
}

/** A capability id for the pattern, when it holds one. */
function suggestion(pattern: MsPattern): string {
  const names: unknown[] = typeof pattern === 'object' ? Object.values(pattern) : [];
  const isName = (one: unknown): one is string => typeof one === 'string' && /^[a-z0-9_]+$/.test(one);
  return names.find(isName) ?? "'an.id'";
}

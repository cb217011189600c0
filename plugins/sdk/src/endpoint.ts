import { isBytes } from './bytes.ts';
import type { Shape } from './bytes.ts';
import type { Capability, PluginDefinition } from './define-plugin.ts';
import { BkgError } from './protocol/errors.ts';
import type { JsonSchema } from './protocol/plugin.ts';
import { createValidator } from './validator.ts';
import type { Validator } from './validator.ts';

/** A capability with what its messages are checked by. */
export interface Endpoint {
  id: string;
  capability: Capability;
  validateInput: Validator;
  validateOutput: Validator;
  validateChunk: Validator;
  /** Content types, or ranges of them, that the bytes of its answer may have; none when all of it is JSON. */
  responseTypes: readonly string[];
}

/** Of all capabilities of a plugin. */
export class Endpoints {
  readonly #pluginId: string;
  readonly #byId: ReadonlyMap<string, Endpoint>;

  constructor({ id, capabilities }: PluginDefinition) {
    this.#pluginId = id;
    this.#byId = new Map(
      Object.entries(capabilities).map(([capabilityId, one]) => [
        capabilityId,
        endpointOf(capabilityId, one),
      ]),
    );
  }

  get ids(): string[] {
    return [...this.#byId.keys()];
  }

  /** Whether one of them answers in chunks, or takes its payload as such. */
  get haveStreams(): boolean {
    return [...this.#byId.values()].some(
      ({ capability: { chunk, upload } }) => chunk !== undefined || upload,
    );
  }

  find(id: string): Endpoint | undefined {
    return this.#byId.get(id);
  }

  /** @throws BkgError CAPABILITY_NOT_FOUND */
  of(id: string): Endpoint {
    const endpoint = this.#byId.get(id);
    if (endpoint) return endpoint;
    throw new BkgError(
      'CAPABILITY_NOT_FOUND',
      `${this.#pluginId} has no capability "${id.slice(0, 64)}"; it has ${this.ids.join(', ')}.`,
    );
  }
}

function endpointOf(id: string, capability: Capability): Endpoint {
  const { input, output, chunk } = capability;
  return {
    id,
    capability,
    validateInput: validatorOf(input),
    validateOutput: validatorOf(output),
    validateChunk: validatorOf(chunk),
    responseTypes: [chunk, output].filter(isBytes).map(({ contentType }) => contentType),
  };
}

/** There is no schema of bytes. */
function validatorOf(shape: Shape | undefined): Validator {
  return createValidator(isBytes(shape) ? true : ((shape ?? true) as JsonSchema));
}

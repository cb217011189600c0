import { MessagePattern } from '@nestjs/microservices';
import { PATTERN_EXTRAS_METADATA, PATTERN_METADATA } from '@nestjs/microservices/constants.js';
import type { MsPattern } from '@nestjs/microservices';
import type { TSchema } from 'typebox';
import type { Bytes } from '../bytes.ts';
import type { CapabilityDefinition } from '../define-plugin.ts';
import type { JsonSchema } from '../protocol/plugin.ts';

/** What a capability promises, beside what its handler does. */
export interface CapabilityContract extends Pick<
  CapabilityDefinition,
  'name' | 'upload' | 'idempotent' | 'errors'
> {
  description?: string;
  /**
   * JSON Schema 2020-12 of the payload, TypeBox or plain; what does not fit never reaches Nest. With `bytes()` the payload
   * is a `Body`. @default anything
   */
  input?: TSchema | JsonSchema | Bytes;
  /** Of the answer, as it is in JSON; what does not fit never reaches the caller. @default anything */
  output?: TSchema | JsonSchema | Bytes;
  /**
   * Of each value of an Observable, or of what an async generator yields: then the answer is a stream. The output is what a
   * generator returns, and null of an Observable.
   */
  chunk?: TSchema | JsonSchema | Bytes;
}

export interface MappedCapability extends CapabilityContract {
  /** As the handler's `@MessagePattern` has it. @default the capability's id */
  pattern?: MsPattern;
}

/**
 * `@MessagePattern(id)` with what the capability promises. Beside a `@MessagePattern` of its own, whose pattern is no
 * capability id, it leaves the pattern as it is.
 */
export function Capability(id: string, contract: CapabilityContract = {}): MethodDecorator {
  return (target, key, descriptor) => {
    const method = descriptor.value as object;
    const extras = { ...contract, capability: id };
    if (!Reflect.hasMetadata(PATTERN_METADATA, method)) {
      MessagePattern(id, extras)(target, key, descriptor as PropertyDescriptor);
      return;
    }
    const before = Reflect.getMetadata(PATTERN_EXTRAS_METADATA, method) as object | undefined;
    Reflect.defineMetadata(PATTERN_EXTRAS_METADATA, { ...before, ...extras }, method);
  };
}

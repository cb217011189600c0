import type { ContractReport, Descriptor, JsonSchema, PluginCapability } from '@bkg/sdk';
import { compareContracts } from '../src/rollout/contract.ts';

export function capability(more: Partial<PluginCapability> = {}): PluginCapability {
  return {
    id: 'do',
    name: 'do',
    description: '',
    input_schema: {},
    output_schema: {},
    stream: false,
    upload: false,
    idempotent: false,
    ...more,
  };
}

export function descriptor(...capabilities: PluginCapability[]): Descriptor {
  return { id: 'a', version: '1.0.0', name: 'a', description: '', author: '', capabilities };
}

export function compare(before: Partial<PluginCapability>, after: Partial<PluginCapability>): ContractReport {
  return compareContracts(descriptor(capability(before)), descriptor(capability(after)));
}

export const ofInput = (before: unknown, after: unknown) =>
  compare({ input_schema: before as JsonSchema }, { input_schema: after as JsonSchema });
export const ofOutput = (before: unknown, after: unknown) =>
  compare({ output_schema: before as JsonSchema }, { output_schema: after as JsonSchema });

/** One line for each entry: what is unknown begins with "?". */
export function lines({ breaks, unknown }: ContractReport): string[] {
  return [
    ...breaks.map(({ rule, path, detail }) => `${rule} ${path}: ${detail}`),
    ...unknown.map(({ path, detail }) => `? ${path}: ${detail}`),
  ];
}

export const object = (properties: Record<string, unknown>, required: string[] = [], more = {}) => ({
  type: 'object',
  properties,
  required,
  ...more,
});
export const text = { type: 'string' };
export const whole = { type: 'integer' };
export const number = { type: 'number' };

import { isContentTypeRange } from '../protocol/content-type.ts';
import { declaredErrorNumbers, errorCodePattern } from '../protocol/errors.ts';
import { endpointName, errorCodePrefix, isCapabilityId } from '../protocol/names.ts';
import type { JsonSchema } from '../protocol/plugin.ts';
import { schemaOf } from '../protocol/schemas/index.ts';
import { subjects } from '../protocol/subjects.ts';
import { assertSchema, createValidator } from '../validator.ts';
import { describe } from './answers.ts';
import type { Answer } from './answers.ts';
import { valuesAt } from './places.ts';
import type { Target } from './target.ts';
import { Broken } from './verdict.ts';

/** Every endpoint of the plugin: its subject names a capability, and its name is that of the capability. */
export function checkEndpoints(answer: Answer, { id }: Target): void {
  const prefix = subjects.invokeCapability(id, '');
  const endpoints = valuesAt(answer.json, '/endpoints/*') as Record<string, unknown>[];
  const own = endpoints.filter(({ subject }) => String(subject).startsWith(prefix));
  if (own.length === 0) throw new Broken(`an endpoint below ${prefix}`, describe(answer));
  for (const { name, subject } of own) {
    const capability = String(subject).slice(prefix.length);
    if (!isCapabilityId(capability))
      throw new Broken('a capability id as the end of the subject', String(subject));
    if (name !== endpointName(capability))
      throw new Broken(
        `"${endpointName(capability)}" as the name of ${String(subject)}`,
        JSON.stringify(name),
      );
  }
  const names = own.map(({ name }) => name);
  if (new Set(names).size < names.length) throw new Broken('different endpoint names', JSON.stringify(names));
}

const flags = ['bkg.idempotent', 'bkg.stream', 'bkg.upload'];

export function checkContract(answer: Answer, { id }: Target): void {
  const service = Object(valuesAt(answer.json, '/metadata')[0]) as Record<string, unknown>;
  if ('bkg.settings_schema' in service) checkSchema('bkg.settings_schema', service['bkg.settings_schema']);
  for (const endpoint of valuesAt(answer.json, '/endpoints/*')) {
    const { name, metadata } = Object(endpoint) as { name: unknown; metadata: unknown };
    const texts = Object(metadata) as Record<string, unknown>;
    for (const key of ['bkg.input_schema', 'bkg.output_schema', 'bkg.chunk_schema'])
      if (key in texts) checkSchema(`${key} of ${String(name)}`, texts[key]);
    for (const key of ['bkg.input_type', 'bkg.output_type', 'bkg.chunk_type'])
      if (key in texts && !isContentTypeRange(String(texts[key])))
        throw new Broken(`${key} of ${String(name)} a content type, or a range`, JSON.stringify(texts[key]));
    for (const key of flags)
      if (key in texts && texts[key] !== '1')
        throw new Broken(`${key} of ${String(name)} "1" or absent`, JSON.stringify(texts[key]));
    if ('bkg.errors' in texts) checkDeclared(id, String(name), texts['bkg.errors']);
  }
}

function checkSchema(place: string, text: unknown): void {
  try {
    assertSchema(JSON.parse(String(text)) as JsonSchema);
  } catch (error) {
    throw new Broken(
      `${place} a JSON Schema 2020-12 as a text`,
      `${(error as Error).message}: ${String(text).slice(0, 200)}`,
    );
  }
}

function checkDeclared(pluginId: string, endpoint: string, text: unknown): void {
  const prefix = errorCodePrefix(pluginId);
  const expected = `bkg.errors of ${endpoint} {"${prefix}…": {"number": one of ${declaredErrorNumbers.join(' ')}, "retryable", "description"}}`;
  const validate = createValidator({
    type: 'object',
    propertyNames: { allOf: [{ pattern: `^${prefix}.` }, { pattern: errorCodePattern.source }] },
    additionalProperties: schemaOf('DeclaredError'),
  });
  let value: unknown;
  try {
    value = JSON.parse(String(text));
  } catch {
    throw new Broken(expected, String(text).slice(0, 200));
  }
  const [first] = validate(value);
  if (first) throw new Broken(expected, `${first.path} ${first.message}`);
}

import { createValidator, isSecretEnv, schemaOf, shownConfig } from '@bkg/sdk';
import type { ConfigHistory, ConfigRevision, HistoryQuery, PluginConfig } from '@bkg/sdk';
import { configOf } from '../desired-state.ts';
import type { DesiredState, StoredConfig } from '../desired-state.ts';
import { unfit } from '../unfit.ts';

const validate = createValidator(schemaOf('HistoryQuery'));

/**
 * The configurations of a plugin that are kept, newest first.
 * @param body a HistoryQuery, or nothing
 * @param mostBytes of the answer; what does not fit is left out, and has to be asked for
 * @throws BkgError INVALID_PAYLOAD, PLUGIN_UNAVAILABLE
 */
export async function configHistory(
  desiredState: Pick<DesiredState, 'history'>,
  id: string,
  body: unknown,
  mostBytes: number,
): Promise<ConfigHistory> {
  const { before = Infinity } = readQuery(body);
  const stored = await desiredState.history(id);
  const firstWith = secretsIn(stored);
  const asked = stored
    .filter(({ revision }) => revision < before)
    .map((one) => revisionOf(one, firstWith(one)));
  const revisions: ConfigRevision[] = [];
  let bytes = Buffer.byteLength(JSON.stringify({ revisions, truncated: true }));
  for (const one of asked) {
    bytes += Buffer.byteLength(JSON.stringify(one)) + 1;
    if (bytes > mostBytes && revisions.length > 0) return { revisions, truncated: true };
    revisions.push(one);
  }
  return { revisions };
}

function readQuery(body: unknown): HistoryQuery {
  const given = body ?? {};
  const errors = validate(given);
  if (errors.length > 0) throw unfit('The question', errors);
  return given;
}

/**
 * Tells of the variables whose values are not shown in which of the revisions each value was there first.
 * @param stored newest first
 */
function secretsIn(stored: readonly StoredConfig[]): (one: StoredConfig) => Record<string, number> {
  const first = new Map<string, number>();
  const keyOf = (name: string, value: string): string => JSON.stringify([name, value]);
  for (const { env, revision } of stored)
    for (const [name, value] of secretsOf(env)) first.set(keyOf(name, value), revision);
  return ({ env, revision }) =>
    Object.fromEntries(
      secretsOf(env).map(([name, value]) => [name, first.get(keyOf(name, value)) ?? revision]),
    );
}

function secretsOf(env: PluginConfig['env']): [name: string, value: string][] {
  return Object.entries(Object(env) as PluginConfig['env']).filter(([name]) => isSecretEnv(name));
}

function revisionOf(stored: StoredConfig, secrets: Record<string, number>): ConfigRevision {
  const { revision, version, by, at, why, restores } = stored;
  return {
    revision,
    ...(version !== undefined && { version }),
    by,
    at,
    why,
    ...(restores !== undefined && { restores }),
    config: shownConfig(configOf(stored)),
    ...(Object.keys(secrets).length > 0 && { secrets }),
  };
}

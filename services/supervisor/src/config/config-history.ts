import { BkgError, createValidator, schemaOf } from '@bkg/sdk';
import type { ConfigHistory, ConfigRevision, HistoryQuery } from '@bkg/sdk';
import { configIn } from '../desired-state.ts';
import type { DesiredState, StoredConfig } from '../desired-state.ts';

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
  const asked = stored.filter(({ revision }) => revision < before).map(revisionOf);
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
  if (errors.length === 0) return given;
  const list = errors.map(({ path, message }) => `${path.slice(1) || 'it'} ${message}`).join('; ');
  throw new BkgError('INVALID_PAYLOAD', `The question does not fit: ${list}.`, { errors });
}

function revisionOf(stored: StoredConfig): ConfigRevision {
  const { revision, version, by, at, why, restores } = stored;
  return {
    revision,
    ...(version !== undefined && { version }),
    by,
    at,
    why,
    ...(restores !== undefined && { restores }),
    config: configIn(stored),
  };
}

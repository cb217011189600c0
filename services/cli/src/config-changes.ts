import { changedSecrets, isRecord } from '@bkg/sdk/protocol';
import type { ConfigRevision } from '@bkg/sdk/protocol';

export interface ConfigDifference {
  /** As `--set` takes it: `limits.max_queue`. */
  path: string;
  /** JSON; absent where the member is not there. */
  before?: string;
  after?: string;
  /** It differs, and nobody is shown how. */
  isSecret?: true;
}

/** What differs between two revisions, the version that ran with each included, in the order of their members. */
export function configChanges(before: ConfigRevision, after: ConfigRevision): ConfigDifference[] {
  const secrets = changedSecrets(before, after).map(
    (name) => ({ path: `env.${name}`, isSecret: true }) as const,
  );
  return [...differences('', compared(before), compared(after)), ...secrets];
}

/** Without what is the same of all, or other of all. */
function compared({ version, config }: ConfigRevision): Record<string, unknown> {
  const { id: _id, revision: _revision, ...members } = config;
  return { ...(version !== undefined && { version }), ...members };
}

function differences(path: string, before: unknown, after: unknown): ConfigDifference[] {
  if (isRecord(before) && isRecord(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names].flatMap((name) =>
      differences(path ? `${path}.${name}` : name, member(before, name), member(after, name)),
    );
  }
  const [a, b] = [JSON.stringify(before), JSON.stringify(after)] as (string | undefined)[];
  if (a === b) return [];
  return [{ path, ...(a !== undefined && { before: a }), ...(b !== undefined && { after: b }) }];
}

function member(of: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(of, name) ? of[name] : undefined;
}

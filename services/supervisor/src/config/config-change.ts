import { runInNewContext } from 'node:vm';
import {
  BkgError,
  createValidator,
  isDeeper,
  isForbiddenEnv,
  isRecord,
  isSecretEnv,
  pointerToken,
  schemaOf,
  secretMask,
} from '@bkg/sdk';
import type { ConfigChange, JsonSchema, PayloadError, PluginConfig } from '@bkg/sdk';
import { unfit } from '../unfit.ts';

/** Beside it an entry of the registry has room for all else. */
const configMostBytes = 128 * 1024;
const depthMost = 32;
/** For one look at settings with a schema that a plugin has written; compiling it is part of it. */
const checkMostMs = 1_000;

const validate = createValidator(schemaOf('ConfigChange'));
const validateLimits = createValidator(
  (schemaOf('PluginConfig')['properties'] as { limits: JsonSchema }).limits,
);

/** Reads the body of a request to `bkg.control.configure.<id>`. @throws BkgError INVALID_PAYLOAD */
export function readConfigChange(id: string, body: unknown): ConfigChange {
  if (isDeeper(body, depthMost))
    throw unfit('The change', [{ path: '', message: `is nested more than ${depthMost} deep` }]);
  // A whole configuration that was read, with some of it changed, is a patch, too.
  const { id: given, ...change } = Object(body) as Record<string, unknown>;
  const errors = validate(isRecord(body) ? change : body);
  const env = Object.keys(Object(change['env']) as object).filter(isForbiddenEnv);
  // Said better below.
  const others = errors.filter(({ path }) => env.length === 0 || path !== '/env');
  for (const name of env) others.push({ path: `/env/${pointerToken(name)}`, message: 'may not be set' });
  if (given !== undefined && given !== id)
    others.push({ path: '/id', message: `is that of another plugin; this is ${id}` });
  if (others.length > 0) throw unfit('The change', others);
  return change as unknown as ConfigChange;
}

/**
 * The configuration after a change (RFC 7396): what is taken away is as in `defaults` again.
 * @param settingsSchema what the plugin says of its settings; looked at when the change has some
 * @throws BkgError INVALID_PAYLOAD; CONFLICT when the schema itself cannot be used, or takes too long to check with
 */
export function changedConfig(
  current: PluginConfig,
  change: ConfigChange,
  defaults: PluginConfig,
  settingsSchema?: JsonSchema,
): PluginConfig {
  const { revision: _revision, why: _why, ...given } = change;
  const patch = withKeptSecrets(given, current);
  const merged = mergePatch(current, patch) as Partial<PluginConfig>;
  const config: PluginConfig = {
    ...defaults,
    ...merged,
    resources: { ...defaults.resources, ...merged.resources },
    limits: { ...defaults.limits, ...merged.limits },
    revision: current.revision,
  };
  assertLimits(config);
  const bytes = Buffer.byteLength(JSON.stringify(config));
  if (bytes > configMostBytes) {
    const message = `makes a configuration of ${bytes} bytes, at most ${configMostBytes} are kept`;
    throw unfit('The change', [{ path: '', message }]);
  }
  if (patch.settings !== undefined && settingsSchema !== undefined) assertSettings(config, settingsSchema);
  return config;
}

/** Nobody is shown a secret: who gives back what was shown in its place leaves it as it is. */
function withKeptSecrets<Patch extends Pick<ConfigChange, 'env'>>(
  { env, ...patch }: Patch,
  current: PluginConfig,
): Omit<Patch, 'env'> & Pick<ConfigChange, 'env'> {
  if (env == null) return { ...patch, ...(env === null && { env }) };
  const given = Object.entries(env);
  const isMask = (name: string, value: unknown): boolean => value === secretMask && isSecretEnv(name);
  const unknown = given.filter(([name, value]) => isMask(name, value) && !Object.hasOwn(current.env, name));
  if (unknown.length > 0)
    throw unfit(
      'The change',
      unknown.map(([name]) => ({
        path: `/env/${pointerToken(name)}`,
        message: `is "${secretMask}", which stands for a value that is kept, and there is none: give the value`,
      })),
    );
  return { ...patch, env: Object.fromEntries(given.filter(([name, value]) => !isMask(name, value))) };
}

/** A part of a limit may be in the change and another in what it changes. */
function assertLimits({ limits }: PluginConfig): void {
  const errors = validateLimits(limits);
  const hasBurstOnly = limits.burst !== undefined && limits.rate_per_second === undefined;
  // Said better below.
  const others = errors.filter(({ path }) => !hasBurstOnly || path !== '');
  const list = others.map((one) => ({ ...one, path: `/limits${one.path}` }));
  if (hasBurstOnly) {
    const message =
      'has no rate_per_second beside it, without which it limits nothing: give that too, or take it away with null';
    list.push({ path: '/limits/burst', message });
  }
  if (list.length > 0) throw unfit('The change', list);
}

function assertSettings({ id, settings }: PluginConfig, schema: JsonSchema): void {
  let errors: PayloadError[];
  try {
    errors = withinTime(() => createValidator(schema)(settings));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
        ? `takes too long to check, more than ${checkMostMs} ms`
        : `is wrong (${message})`;
    throw new BkgError(
      'CONFLICT',
      `The settings of ${id} cannot be checked: its own settings schema ${reason}.`,
    );
  }
  if (errors.length > 0)
    throw unfit(
      'The change',
      errors.map((one) => ({ ...one, path: `/settings${one.path}` })),
    );
}

/**
 * Ends what takes too long, a regular expression that backtracks included. Not a worker, which would cost more than
 * nearly every check: the other context is not there to confine anything, only a script of node:vm has a time limit.
 * @throws whatever `check` throws; Error ERR_SCRIPT_EXECUTION_TIMEOUT
 */
function withinTime<T>(check: () => T): T {
  return runInNewContext('check()', { check }, { timeout: checkMostMs }) as T;
}

/** RFC 7396. By entries, because a member may be called `__proto__`. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const members = new Map(isRecord(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else members.set(name, mergePatch(members.get(name), value));
  }
  return Object.fromEntries(members);
}

import { runInNewContext } from 'node:vm';
import { BkgError, createValidator, isDeeper, isForbiddenEnv, pointerToken, schemaOf } from '@bkg/sdk';
import type { ConfigChange, JsonSchema, PayloadError, PluginConfig } from '@bkg/sdk';

/** Beside it an entry of the registry has room for all else. */
const configMostBytes = 128 * 1024;
const depthMost = 32;
/** For one look at settings with a schema that a plugin has written; compiling it is part of it. */
const checkMostMs = 1_000;

const validate = createValidator(schemaOf('ConfigChange'));
const validateWhole = createValidator(schemaOf('PluginConfig'));

/** Reads the body of a request to `bkg.control.configure.<id>`. @throws BkgError INVALID_PAYLOAD */
export function readConfigChange(id: string, body: unknown): ConfigChange {
  if (isDeeper(body, depthMost))
    throw unfit([{ path: '', message: `is nested more than ${depthMost} deep` }]);
  // A whole configuration that was read, with some of it changed, is a patch, too.
  const { id: given, ...change } = Object(body) as Record<string, unknown>;
  const errors = validate(typeof body === 'object' && body !== null && !Array.isArray(body) ? change : body);
  const env = Object.keys(Object(change['env']) as object).filter(isForbiddenEnv);
  // Said better below.
  const others = errors.filter(({ path }) => env.length === 0 || path !== '/env');
  for (const name of env) others.push({ path: `/env/${pointerToken(name)}`, message: 'may not be set' });
  if (given !== undefined && given !== id)
    others.push({ path: '/id', message: `is that of another plugin; this is ${id}` });
  if (others.length > 0) throw unfit(others);
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
  const { revision: _revision, why: _why, ...patch } = change;
  const merged = mergePatch(current, patch) as Partial<PluginConfig>;
  const config: PluginConfig = {
    ...defaults,
    ...merged,
    resources: { ...defaults.resources, ...merged.resources },
    limits: { ...defaults.limits, ...merged.limits },
    revision: current.revision,
  };
  const bytes = Buffer.byteLength(JSON.stringify(config));
  if (bytes > configMostBytes) {
    const message = `makes a configuration of ${bytes} bytes, at most ${configMostBytes} are kept`;
    throw unfit([{ path: '', message }]);
  }
  // Each of its values has to be whole, of which the change may have a part.
  if (patch.limits?.capabilities) {
    const errors = validateWhole(config).filter(({ path }) => path.startsWith('/limits'));
    if (errors.length > 0) throw unfit(errors);
  }
  if (patch.settings !== undefined && settingsSchema !== undefined) assertSettings(config, settingsSchema);
  return config;
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
  if (errors.length > 0) throw unfit(errors.map((one) => ({ ...one, path: `/settings${one.path}` })));
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
  if (!isObject(patch)) return patch;
  const members = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else members.set(name, mergePatch(members.get(name), value));
  }
  return Object.fromEntries(members);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unfit(errors: PayloadError[]): BkgError {
  const list = errors.map(({ path, message }) => `${path || 'it'} ${message}`).join('; ');
  return new BkgError('INVALID_PAYLOAD', `The change does not fit: ${list}.`, { errors });
}

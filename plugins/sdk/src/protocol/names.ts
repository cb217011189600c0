/** Rules for the names on the wire. A name that breaks its rule never reaches a subject. */

const pluginIdPattern = /^[a-z0-9][a-z0-9_-]{0,62}$/;
export const capabilityIdPattern = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;
export const capabilityIdMostLength = 64;
/** Characters of one subject token. */
export const subjectTokenMost = 128;
/** Nothing but one subject token: no dots, wildcards or white space. */
export const subjectTokenPattern = new RegExp(`^[A-Za-z0-9_-]{1,${subjectTokenMost}}$`);

/** Semantic Versioning 2.0.0, as ADR-32 wants it: `nats micro` gives up on all services when one has another. */
export const versionPattern =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/;

const reservedPluginIds = new Set(['sdk', 'api', 'ws']);
const ownPluginIds = new Set(['apikeys', 'candle', 'rustyface', 'brainml']);

/** True when `id` may stand in a subject as a plugin id; says nothing about reserved names. */
export function isPluginId(id: string): boolean {
  return pluginIdPattern.test(id);
}

/** True when no plugin may take this id, because routes or folders of bkg have it. */
export function isReservedPluginId(id: string): boolean {
  return reservedPluginIds.has(id) || id.startsWith('bkg');
}

/** True for ids that are kept for bkg's own plugins, also for those that are not there yet: a folder elsewhere may not have their ids, nor what they are trusted with. */
export function isOwnPluginId(id: string): boolean {
  return ownPluginIds.has(id);
}

export function isCapabilityId(id: string): boolean {
  return id.length <= capabilityIdMostLength && capabilityIdPattern.test(id);
}

/** True for an instance id, invocation id or any other single token of a subject. */
export function isSubjectToken(token: string): boolean {
  return subjectTokenPattern.test(token);
}

export function isVersion(version: string): boolean {
  return versionPattern.test(version);
}

/** The ADR-32 endpoint name of a capability: endpoint names may not hold dots. */
export function endpointName(capability: string): string {
  return capability.replaceAll('.', '_');
}

/** How the codes of a plugin's own errors begin. */
export function errorCodePrefix(pluginId: string): string {
  return `${pluginId.toUpperCase().replaceAll('-', '_')}_`;
}

/** What is wrong with a plugin id, as a sentence for people, or undefined when it is fine. */
export function pluginIdProblem(id: string): string | undefined {
  if (!isPluginId(id)) {
    return `"${id}" is no plugin id: it takes 1 to 63 characters of a-z, 0-9, "_" and "-", and starts with a letter or digit.`;
  }
  if (isReservedPluginId(id)) {
    return `"${id}" is reserved: "sdk", "api", "ws" and every id that starts with "bkg" belong to bkg itself.`;
  }
  return undefined;
}

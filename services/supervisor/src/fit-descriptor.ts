import type { Descriptor, PluginCapability } from '@bkg/sdk';

export interface FittedDescriptor {
  descriptor: Descriptor;
  /** What was left out, in words; "" for nothing. */
  leftOut: string;
}

const capabilitiesMost = 1_000;
/** Of what was left out, so many are named. */
const namedMost = 3;

/** A schema of a descriptor, with where it is. */
interface Place {
  name: string;
  bytes: number;
  /** Which schema of which capability; undefined for that of the settings. */
  capability?: number;
  member: 'input_schema' | 'output_schema' | 'chunk_schema' | 'settings_schema';
}

/**
 * A descriptor that is not larger than it may be, as JSON: the largest schemas become "anything", then the last
 * capabilities are left out. What a plugin says of itself must fit into the registry, whatever it says.
 */
export function fitDescriptor(descriptor: Descriptor, mostBytes: number): FittedDescriptor {
  const { capabilities } = descriptor;
  if (capabilities.length <= capabilitiesMost && bytesOf(descriptor) <= mostBytes)
    return { descriptor, leftOut: '' };
  const fitted: Descriptor = { ...descriptor, capabilities: capabilities.slice(0, capabilitiesMost) };
  const without = withoutLargest(fitted, mostBytes);
  while (fitted.capabilities.length > 0 && bytesOf(fitted) > mostBytes)
    fitted.capabilities = fitted.capabilities.slice(0, Math.floor(fitted.capabilities.length * 0.9));
  const missing = capabilities.length - fitted.capabilities.length;
  if (missing > 0) without.push(`${missing} of ${capabilities.length} capabilities`);
  return { descriptor: fitted, leftOut: without.join(', ') };
}

/** Empties schemas of `fitted` until it fits or there are none. @returns their names */
function withoutLargest(fitted: Descriptor, mostBytes: number): string[] {
  const places = placesOf(fitted).sort((a, b) => b.bytes - a.bytes);
  let tooMany = bytesOf(fitted) - mostBytes;
  let count = 0;
  for (const place of places) {
    if (tooMany <= 0) break;
    empty(fitted, place);
    tooMany -= place.bytes - 2;
    count += 1;
  }
  const names = places
    .slice(0, Math.min(count, namedMost))
    .map(({ name, bytes }) => `${name} (${bytes} bytes)`);
  return count > namedMost ? [...names, `${count - namedMost} more schemas`] : names;
}

function placesOf({ capabilities, settings_schema }: Descriptor): Place[] {
  const places = capabilities.flatMap((one, capability) =>
    (['input_schema', 'output_schema', 'chunk_schema'] as const)
      .filter((member) => one[member] !== undefined)
      .map((member): Place => ({
        name: `the ${member.replace('_', ' ')} of ${one.id}`,
        bytes: bytesOf(one[member]),
        capability,
        member,
      })),
  );
  if (settings_schema === undefined) return places;
  const bytes = bytesOf(settings_schema);
  return [...places, { name: 'the settings schema', bytes, member: 'settings_schema' }];
}

function empty(fitted: Descriptor, { capability, member }: Place): void {
  if (capability === undefined) {
    delete fitted.settings_schema;
    return;
  }
  fitted.capabilities = fitted.capabilities.with(capability, {
    ...(fitted.capabilities[capability] as PluginCapability),
    [member]: {},
  });
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

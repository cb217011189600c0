import { bytesContentType, isContentTypeRange, jsonContentType } from '../protocol/content-type.ts';
import type { JsonSchema } from '../protocol/plugin.ts';
import { validPayload } from './payloads.ts';
import type { Sample, TargetCapability } from './target.ts';

/** What is sent to a capability that takes uploads. */
export interface GivenUpload {
  /** @default what the capability says it takes, when that is one type */
  contentType?: string;
  body: Uint8Array;
}

/** Larger than a message, and no multiple of anything. */
const madeUploadBytes = 1_310_731;

/**
 * At most one of those that are wanted, and idempotent: nobody has allowed more. A capability with an example first, since
 * its author has thought of a call.
 */
export function madeSample(
  capabilities: readonly TargetCapability[],
  isWanted: (capability: TargetCapability) => boolean,
): Sample[] {
  const candidates = capabilities
    .filter((capability) => capability.isIdempotent && isWanted(capability))
    .sort((a, b) => Number(hasExamples(b.input)) - Number(hasExamples(a.input)));
  for (const capability of candidates) {
    const valid = validPayload(capability.input);
    if (valid) return [{ capability, ...valid, isGiven: false }];
  }
  return [];
}

function hasExamples(schema: JsonSchema): boolean {
  return JSON.stringify(schema).includes('"examples"');
}

/**
 * The bodies that are given, and the payloads of samples, which are JSON; without any a made one of a capability that is
 * idempotent.
 */
export function uploadsOf(
  capabilities: readonly TargetCapability[],
  given: readonly { capability: TargetCapability; upload: GivenUpload }[],
  samples: readonly Sample[],
): Sample[] {
  const all = [
    ...given.map(({ capability, upload }) => withBody(capability, upload, true)),
    ...samples.filter(({ capability }) => capability.isUpload).map(asUpload),
  ];
  if (all.length > 0) return all;
  const bytes = capabilities
    .filter(({ isUpload, isIdempotent }) => isUpload && isIdempotent)
    .filter(({ inputType }) => inputType !== undefined && typeWithin(inputType) !== undefined)
    .map((capability) => withBody(capability, { body: Buffer.alloc(madeUploadBytes, 'bkg upload ') }, false));
  if (bytes.length > 0) return bytes.slice(0, 1);
  return madeSample(capabilities, ({ isUpload, inputType }) => isUpload && inputType === undefined).map(
    asUpload,
  );
}

function withBody(
  capability: TargetCapability,
  { contentType, body }: GivenUpload,
  isGiven: boolean,
): Sample {
  const type = contentType ?? typeWithin(capability.inputType ?? jsonContentType);
  if (type !== undefined)
    return { capability, payload: undefined, isGiven, upload: { contentType: type, body } };
  throw new Error(
    `${capability.id} takes ${capability.inputType}: say of which content type the upload is that is given for it.`,
  );
}

/** JSON with blanks behind it: as JSON it is the same, and larger than a message. */
function asUpload({ capability, payload, isGiven }: Sample): Sample {
  const body = Buffer.from(JSON.stringify(payload).padEnd(madeUploadBytes));
  return { capability, payload, isGiven, upload: { contentType: jsonContentType, body } };
}

/** A content type that a range stands for; undefined where any would be a guess. */
function typeWithin(range: string): string | undefined {
  if (range === '*/*' || range === 'application/*') return bytesContentType;
  if (range === 'text/*') return 'text/plain';
  return isContentTypeRange(range) && range.includes('*') ? undefined : range;
}

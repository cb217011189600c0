/** What a request says: its headers, and its payload. */
import { Failure } from './failure.mjs';

/** Strict: by default a wrong byte becomes a replacement character, and passes as what was sent. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function headerOf(message, name) {
  return message.headers.get(name)?.[0] || undefined;
}

/**
 * Whether it wants nothing to be published outside of the inboxes: neither answers nor credit. Who asks names the subject,
 * and a plugin must not be made to publish anywhere else.
 */
export function asksForInbox(message) {
  const flow = headerOf(message, 'Bkg-Upload') && (headerOf(message, 'Bkg-Flow') ?? '');
  return [message.reply || undefined, flow].every((subject) => subject?.startsWith('_INBOX.') ?? true);
}

/**
 * `{timeoutMs, window, upload}`, each undefined when it is not said; `upload` is `{sizeBytes}`.
 * @param inputType of a payload that is bytes: its content type, or a range; undefined of JSON @throws Failure for headers that cannot be
 */
export function headersIn(message, inputType) {
  const [type, range] = [contentTypeOf(message, inputType), inputType ?? 'application/json'];
  if (!isInRange(type, range)) throw invalid(`The content type is ${type}; it takes ${range}.`);
  const id = headerOf(message, 'Bkg-Invocation-Id') ?? 'none';
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(id))
    throw invalid('Bkg-Invocation-Id takes up to 128 characters of A-Z, a-z, 0-9, "_" and "-".');
  const timeoutMs = numberIn(message, 'Bkg-Timeout-Ms', 0, 999_999_999);
  const window = numberIn(message, 'Bkg-Stream', 1, 1_024);
  if (headerOf(message, 'Bkg-Upload') === undefined) return { timeoutMs, window };
  const isUnknown = headerOf(message, 'Bkg-Upload') === '-';
  const sizeBytes = isUnknown ? undefined : numberIn(message, 'Bkg-Upload', 0, 999_999_999_999_999);
  return { timeoutMs, window, upload: { sizeBytes } };
}

/** @param inputType of a payload that is bytes; undefined of JSON */
export function contentTypeOf(message, inputType) {
  const unsaid = inputType === undefined ? 'application/json' : 'application/octet-stream';
  return headerOf(message, 'Content-Type') ?? unsaid;
}

/** The JSON of a body, after `check` has found nothing wrong with it. @throws Failure */
export function payloadOf(message, { check }) {
  let payload;
  try {
    payload = JSON.parse(utf8.decode(message.body));
  } catch (error) {
    throw invalid(`The payload is not JSON: ${error.message}.`);
  }
  const isObject = typeof payload === 'object' && payload !== null && !Array.isArray(payload);
  const errors = isObject ? check(payload) : [{ path: '', message: 'must be an object' }];
  if (errors.length === 0) return payload;
  const list = errors.map(({ path, message: text }) => `${path || 'the payload'} ${text}`).join('; ');
  throw invalid(`The payload does not fit: ${list}.`, errors);
}

/** Parameters do not count: `text/plain; charset=utf-8` is in `text/*`. */
function isInRange(type, range) {
  const [given, wanted] = [type, range].map((text) => text.split(';')[0].trim().toLowerCase().split('/'));
  return given.length === 2 && wanted.every((part, i) => part === '*' || part === given[i]);
}

function numberIn(message, header, least, most) {
  const text = headerOf(message, header);
  if (text === undefined) return undefined;
  const number = /^\d{1,15}$/.test(text) ? Number(text) : -1;
  if (number >= least && number <= most) return number;
  throw invalid(`${header} is "${text}"; it takes a whole number from ${least} to ${most}.`);
}

function invalid(detail, errors) {
  return new Failure('INVALID_PAYLOAD', detail, errors);
}

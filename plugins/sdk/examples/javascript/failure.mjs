/** Failures as they go over the wire: a problem object (RFC 9457) and two headers. */

/** The part of the protocol's error table that is needed here: the number, and whether to try again makes sense. */
const table = {
  INVALID_PAYLOAD: { number: 400, retryable: false },
  CAPABILITY_NOT_FOUND: { number: 404, retryable: false },
  CONFLICT: { number: 409, retryable: false },
  PAYLOAD_TOO_LARGE: { number: 413, retryable: false },
  BUSY: { number: 429, retryable: true },
  CANCELLED: { number: 499, retryable: false },
  INTERNAL: { number: 500, retryable: false },
  INVALID_OUTPUT: { number: 500, retryable: false },
  PLUGIN_CRASHED: { number: 502, retryable: true },
  DEADLINE_EXCEEDED: { number: 504, retryable: false },
};

/** A failure that the caller is told of, with a code of the table or one that the capability declares. */
export class Failure extends Error {
  /** @param detail for people, shown as it is @param errors what is wrong with the payload: `[{path, message}]` */
  constructor(code, detail, errors) {
    super(detail);
    Object.assign(this, { code, errors });
  }
}

const mostErrors = 20;
/** What is quoted may be as long as the request was: a failure has to fit into a message, too. */
const mostDetail = 16_384;
const mostText = 512;

/** @param declared the errors that the capability declares; what nobody foresaw is for the log, not for the caller */
export function problemOf({ code, message, errors }, declared = {}) {
  const entry = table[code] ?? declared[code];
  const [known, detail] = entry
    ? [code, message]
    : ['INTERNAL', 'The handler failed; the log of the plugin says why.'];
  const { number, retryable } = entry ?? table.INTERNAL;
  const words = known.toLowerCase();
  return {
    type: `urn:bkg:error:${words}`,
    title: words.charAt(0).toUpperCase() + words.slice(1).replaceAll('_', ' '),
    status: number,
    detail: detail.slice(0, mostDetail),
    code: known,
    retryable,
    ...(errors && { errors: errors.slice(0, mostErrors).map(cut) }),
  };
}

function cut({ path, message }) {
  return { path: path.slice(0, mostText), message: message.slice(0, mostText) };
}

/** The error in one line of ASCII, and its number. */
export function headersOf({ code, detail, status }) {
  return {
    'Nats-Service-Error': `${code}: ${detail}`.replace(/[^\x20-\x7e]/g, '?').slice(0, 200),
    'Nats-Service-Error-Code': status,
    'Content-Type': 'application/problem+json',
  };
}

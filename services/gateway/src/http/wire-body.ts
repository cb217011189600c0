import type { FastifyReply, FastifyRequest } from 'fastify';
import { BkgError, createValidator, isJsonContentType, pointerNames, schemaOf } from '@bkg/sdk';
import type { PayloadError, WireName } from '@bkg/sdk';
import { parseBody } from './parse-body.ts';
import { readBody } from './read-body.ts';

export interface WireBodyOptions {
  /** What takes it, as the beginning of a sentence. */
  what: string;
  schema: WireName;
  mostBytes: number;
  /** What is in it must not be shown, also not to who has sent it. */
  isSecret?: boolean;
}

const givenMostLength = 64;

/** Reads bodies that are a type of the wire, with no other members. A body that is not there is `{}`. */
export class WireBody<T> {
  readonly #options: WireBodyOptions;
  readonly #errorsOf: (value: unknown) => PayloadError[];
  /** What may be sent, as a sentence. */
  readonly #remedy: string;

  constructor(options: WireBodyOptions) {
    this.#options = options;
    const schema = schemaOf(options.schema) as { properties: object; required?: string[] };
    this.#errorsOf = createValidator({ ...schema, additionalProperties: false });
    const { properties, required = [] } = schema;
    const members = Object.keys(properties).map((name) => `"${name}"${required.includes(name) ? '' : '?'}`);
    this.#remedy = `${options.what} takes {${members.join(', ')}}${this.#errorsOf({}).length > 0 ? '' : ', or nothing'}.`;
  }

  /** @throws BkgError INVALID_PAYLOAD, PAYLOAD_TOO_LARGE; CANCELLED when the client leaves */
  async read(request: FastifyRequest, reply: FastifyReply): Promise<T> {
    const { mostBytes } = this.#options;
    const body = await readBody(request, reply, { mostBytes, remedy: this.#remedy });
    if (body.length > 0) assertJson(request);
    const value = body.length > 0 ? this.#parse(body) : {};
    const errors = this.#errorsOf(value);
    if (errors.length === 0) return value as T;
    const places = errors.map((error) => this.#describe(error, value)).join('; ');
    throw invalidBody(`${places}. ${this.#remedy}`, errors);
  }

  #parse(body: Buffer): unknown {
    return this.#options.isSecret ? parseSecretBody(body, this.#remedy) : parseBody(body);
  }

  #describe({ path, message }: PayloadError, body: unknown): string {
    if (path === '') return `The body ${message}`;
    const what = `"${path.slice(1)}" ${message}`;
    if (this.#options.isSecret) return what;
    const given = JSON.stringify(valueAt(body, path)) as string | undefined;
    return given === undefined ? what : `${what}, and is ${given.slice(0, givenMostLength)}`;
  }
}

/** @throws BkgError INVALID_PAYLOAD when nothing says that the body is JSON */
export function assertJson({ headers }: FastifyRequest): void {
  const contentType = headers['content-type'];
  if (contentType !== undefined && isJsonContentType(contentType)) return;
  const detail = 'A body needs "Content-Type: application/json".';
  throw invalidBody(detail, [{ path: '', message: detail }]);
}

/** As `parseBody`, of what must not be quoted. @param remedy what may be sent, as a sentence */
export function parseSecretBody(body: Buffer, remedy: string): unknown {
  try {
    return parseBody(body);
  } catch {
    throw invalidBody(`The body is not JSON. ${remedy}`, [{ path: '', message: 'is not JSON' }]);
  }
}

export function invalidBody(detail: string, errors: PayloadError[]): BkgError {
  return new BkgError('INVALID_PAYLOAD', detail, { errors });
}

/** What a JSON pointer leads to. */
function valueAt(value: unknown, pointer: string): unknown {
  return pointerNames(pointer).reduce<unknown>(
    (at, name) =>
      Object.hasOwn(Object(at) as object, name) ? (at as Record<string, unknown>)[name] : undefined,
    value,
  );
}

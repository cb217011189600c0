import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { Type } from '@bkg/sdk';
import type { Static } from '@bkg/sdk';
import { Body, bytes, Capability } from '@bkg/sdk/nest';
import type { InvocationContext } from '@bkg/sdk/nest';
import { Greeter } from './greeter.ts';

const Name = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 100, examples: ['Ada'] }) },
  { additionalProperties: false },
);
const Span = Type.Object(
  { ms: Type.Integer({ minimum: 0, maximum: 60_000, examples: [100] }) },
  { additionalProperties: false },
);

const Target = Type.Object(
  { to: Type.Integer({ minimum: 1, maximum: 1_000_000, examples: [100] }) },
  { additionalProperties: false },
);

@Controller()
export class HelloController {
  constructor(private readonly greeter: Greeter) {}

  @Capability('greet', {
    description: 'Greets somebody by name.',
    idempotent: true,
    input: Name,
    output: Type.Object({ greeting: Type.String() }),
    errors: {
      HELLO_NEST_NOBODY: { number: 404, retryable: false, description: 'There is nobody of this name.' },
    },
  })
  greet(@Payload() { name }: Static<typeof Name>, @Ctx() { log }: InvocationContext) {
    const greeting = this.greeter.greet(name);
    log.info({ name }, 'greeting');
    return { greeting };
  }

  @Capability('wait', {
    description: 'Answers after a while, unless it is cancelled before.',
    idempotent: true,
    input: Span,
    output: Type.Object({ waited_ms: Type.Integer() }),
  })
  async wait(@Payload() { ms }: Static<typeof Span>, @Ctx() { signal }: InvocationContext) {
    await wait(ms, undefined, { signal });
    return { waited_ms: ms };
  }

  @Capability('count', {
    description: 'Counts, one chunk for each number, as fast as the caller reads.',
    idempotent: true,
    input: Target,
    chunk: Type.Object({ n: Type.Integer() }),
    output: Type.Object({ counted: Type.Integer() }),
  })
  async *count(@Payload() { to }: Static<typeof Target>) {
    for (let n = 1; n <= to; n++) yield { n };
    return { counted: to };
  }

  @Capability('digest', {
    description: 'The length and the SHA-256 of bytes of any kind, which may come in chunks.',
    idempotent: true,
    upload: true,
    input: bytes(),
    output: Type.Object({ bytes: Type.Integer(), sha256: Type.String() }),
  })
  async digest(@Payload() body: Body) {
    const hash = createHash('sha256');
    let length = 0;
    for await (const piece of body) {
      hash.update(piece);
      length += piece.length;
    }
    return { bytes: length, sha256: hash.digest('hex') };
  }
}

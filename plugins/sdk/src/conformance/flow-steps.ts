import type { Connection } from '../connection.ts';
import type { Exchange } from './answers.ts';
import { bodyOf } from './bodies.ts';
import { assertSlow, check } from './checks.ts';
import type { CheckContext } from './checks.ts';
import { Filling } from './filling.ts';
import { untilHeld } from './holding.ts';
import { StreamReading } from './stream-reading.ts';
import type { FlowStep, StreamStep, UploadStep } from './suite.ts';
import type { Target } from './target.ts';
import { UploadSending } from './upload-sending.ts';
import { named } from './variables.ts';

export interface FlowStepsOptions {
  connection: Connection;
  target: Target;
  context: CheckContext;
  signal: AbortSignal;
}

/** The steps of one run of a case that are about streams, uploads and places. */
export class FlowSteps {
  readonly #connection: Connection;
  readonly #target: Target;
  readonly #context: CheckContext;
  readonly #signal: AbortSignal;
  readonly #readings = new Map<string, StreamReading>();
  readonly #sendings = new Map<string, UploadSending>();
  readonly #fillings = new Map<string, Filling>();

  constructor({ connection, target, context, signal }: FlowStepsOptions) {
    this.#connection = connection;
    this.#target = target;
    this.#context = context;
    this.#signal = signal;
  }

  /** @throws Broken, NotTried */
  async take(step: FlowStep): Promise<void> {
    const [connection, target, signal] = [this.#connection, this.#target, this.#signal];
    if ('stream' in step) this.#stream(step);
    else if ('chunks' in step)
      await this.#reading(step.of).chunks(step.chunks, step.within_ms, step.for_ms, signal);
    else if ('tell' in step) this.#reading(step.tell).tell(step.body, String(bodyOf(step)));
    else if ('read' in step) await this.#reading(step.read).read(step.within_ms);
    else if ('ended' in step) {
      const last = await this.#reading(step.ended).ended(step.within_ms);
      for (const one of step.expect) check(one, [last], this.#context);
    } else if ('leave' in step) await this.#reading(step.leave).leave();
    else if ('credited' in step) await named(this.#sendings, step.credited).credited(step.within_ms);
    else if ('piece' in step) await named(this.#sendings, step.piece).piece(step);
    else if ('send' in step) await named(this.#sendings, step.send).send(step.last, step.within_ms);
    else if ('fill' in step) await this.#fill(step);
    else if ('refused' in step) {
      const filling = named(this.#fillings, step.refused);
      const { refusals } = filling;
      assertSlow(refusals);
      for (const one of step.expect) check(one, refusals, this.#context);
      await filling.checkRefused(signal);
    } else if ('empty' in step) await named(this.#fillings, step.empty).empty(step.within_ms);
    else {
      const isHeld = 'held' in step;
      const ids = isHeld ? step.held : step.free;
      await untilHeld(connection, target, { ids, isHeld, withinMs: step.within_ms }, signal);
    }
  }

  /** @returns the request, whose reply is awaited as any other */
  upload({ upload, as, headers }: UploadStep): Exchange {
    const { sample } = this.#context;
    const body = sample?.upload?.body ?? new Uint8Array(0);
    const options = { connection: this.#connection, target: this.#target, subject: upload, headers, body };
    const sending = new UploadSending(options);
    this.#sendings.set(as, sending);
    return sending.exchange;
  }

  /** What a placeholder of this kind stands for. */
  valueOf(kind: 'open' | 'refused', name: string): unknown {
    const filling = named(this.#fillings, name);
    return kind === 'open' ? filling.heldCount : filling.refusedIds[0];
  }

  close(): void {
    for (const open of [...this.#readings.values(), ...this.#sendings.values(), ...this.#fillings.values()])
      open.close();
  }

  #reading(name: string): StreamReading {
    return named(this.#readings, name);
  }

  #stream(step: StreamStep): void {
    const { sample } = this.#context;
    if (!sample) throw new Error('The suite streams without a sample that streams.');
    const request = { subject: step.stream, body: bodyOf(step), headers: step.headers ?? {} };
    const { capability } = sample;
    const options = { connection: this.#connection, target: this.#target, capability, request };
    this.#readings.set(step.as, new StreamReading({ ...options, window: step.window }));
  }

  async #fill(step: Extract<FlowStep, { fill: string }>): Promise<void> {
    const filling = new Filling(this.#connection, this.#target);
    this.#fillings.set(step.as, filling);
    const request = { subject: step.fill, body: bodyOf(step), headers: step.headers ?? {} };
    await filling.fill(request, step.most, this.#signal);
  }
}

import { Checker, startCheckWorker, type Checked } from './form/checker.ts';
import { toldMistakes, unsaid, type ToldMistake } from './form/place-mistakes.ts';
import type { Mistake } from './form/schema-check.ts';
import type { Outcome } from './runs/carry-out.ts';

/** After the last key. */
const checkAfterMs = 200;

export interface PayloadCheckOptions {
  payload: () => string;
  /** False while it is no JSON, or too much of it. */
  isCheckable: () => boolean;
  schemaText: () => string;
  /** Of the last invocation. */
  outcome: () => Outcome | undefined;
}

/** Keeps what is known to be wrong with a payload, for as long as the component lives that makes it. */
export class PayloadCheck {
  /** A payload is to be sent, and looked at before. */
  isBusy = $state(false);
  #checked = $state.raw<Checked>();
  #payload: () => string;
  #isCheckable: () => boolean;
  #outcome: () => Outcome | undefined;
  #checker: Checker;
  /** What its component derives may not be read any more. */
  #isGone = false;

  constructor({ payload, isCheckable, schemaText, outcome }: PayloadCheckOptions) {
    this.#payload = payload;
    this.#isCheckable = isCheckable;
    this.#outcome = outcome;
    this.#checker = $derived.by(
      () =>
        new Checker({
          schema: JSON.parse(schemaText()),
          createWorker: startCheckWorker,
        }),
    );
    $effect(() => {
      const current = this.#checker;
      return () => current.close();
    });
    $effect(() => {
      const [checker, text] = [this.#checker, payload()];
      if (!isCheckable()) return;
      let isOver = false;
      const timer = setTimeout(() => {
        void checker.check(text).then((result) => {
          if (!isOver) this.#checked = result;
        });
      }, checkAfterMs);
      return () => {
        isOver = true;
        clearTimeout(timer);
      };
    });
    $effect(() => () => (this.#isGone = true));
  }

  get #current(): Checked | undefined {
    return this.#checked?.text === this.#payload() ? this.#checked : undefined;
  }

  /** As long as it is about what stands there now. */
  get mistakes(): readonly Mistake[] {
    return this.#current?.mistakes ?? [];
  }

  /** Why the payload could not be checked, a sentence. */
  get unchecked(): string | undefined {
    return this.#current?.unchecked;
  }

  /** The places that the last answer names. */
  get told(): readonly ToldMistake[] {
    const outcome = this.#outcome();
    if (outcome?.kind !== 'result') return [];
    return toldMistakes(outcome.result.problem?.errors ?? [], outcome.payload, this.#payload());
  }

  /** What the last answer found, still holds, and is not among `mistakes` in other words. */
  get answered(): readonly Mistake[] {
    const outcome = this.#outcome();
    const standing = this.told.filter(({ stands }) => stands);
    const isOfSchema = outcome?.kind === 'result' && outcome.result.problem?.code === 'INVALID_PAYLOAD';
    // What the schema says, the page said already; what only the plugin knows is another thing at the same place.
    const left = isOfSchema ? unsaid(standing, this.mistakes) : standing;
    return left.map(({ path, message }) => ({ path, message: `The answer says: ${message}` }));
  }

  /** Checks at once; undefined when the payload was changed meanwhile, or the component is gone. */
  async checkNow(): Promise<Checked | undefined> {
    const text = this.#payload();
    if (!this.#isCheckable()) return { text, mistakes: [] };
    this.isBusy = true;
    const result = await this.#checker.check(text);
    this.isBusy = false;
    if (this.#isGone || text !== this.#payload()) return undefined;
    this.#checked = result;
    return result;
  }
}

import { setFlagsFromString } from 'node:v8';

/**
 * For servers: what they make for a request stays among the young, and goes with them.
 *
 * V8 counts how much of what is made at a place in the code lives on, and where that is nearly all it makes the rest in the
 * old generation straight away, for as long as the process lives. While a server starts nearly all lives on: one start in
 * four then had a gateway whose requests grew old, and with them all that they refer to
 * (`infra/bench/README.md#findings`).
 */
export function keepRequestsYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}

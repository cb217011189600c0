/** What ends a case that does not keep to the protocol. */
export class Broken extends Error {
  override name = 'Broken';
  readonly expected: string;
  readonly got: string;

  constructor(expected: string, got: string) {
    super(`expected ${expected}; got ${got}`);
    this.expected = expected;
    this.got = got;
  }
}

/** What ends a case that could not be tried; the message says why. */
export class NotTried extends Error {
  override name = 'NotTried';
}

import { BkgError } from '../protocol/errors.ts';

/** The broker went away while chunks were under way: some may be missing, and whether the handler has run nobody can say. */
export class StreamCutError extends BkgError {
  override name = 'StreamCutError';

  constructor(detail: string) {
    super('PLUGIN_CRASHED', detail);
  }
}

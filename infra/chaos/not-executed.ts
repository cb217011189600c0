import { errorTable } from '@bkg/sdk/protocol';

const errors = new Map<string, { executed: string }>(Object.entries(errorTable));

/** Whether an answer with this code says that nothing was done. */
export function saysNotExecuted(code: string): boolean {
  return errors.get(code)?.executed === 'no';
}

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('globalThis.gc') as NodeJS.GCFunction;

/** Collects all that nobody holds any more. */
export function collectGarbage(): void {
  collect();
}

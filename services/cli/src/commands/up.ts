import type { Arguments } from '../command.ts';
import { createSay, outliveTerminal } from '../say.ts';
import { takeStopSignals } from '../stop-signals.ts';

/** `bkg up` */
export async function run(_args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  outliveTerminal();
  using signals = takeStopSignals();
  return await (await loadUp()).runUp({ env, say: createSay(), signals });
}

/**
 * After the signals are taken, because it takes a while. A function of its own, because TypeScript does not rewrite the
 * extension of an `import()` in a function with `using`.
 */
function loadUp() {
  return import('../up/up.ts');
}

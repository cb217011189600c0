import type { Isolation } from '@bkg/sdk';

/** Why a plugin with `sandbox: strict` is not started on this machine; undefined when it is. */
export function strictProblem({ files, network }: Isolation): string | undefined {
  const lacking = [files, network].filter(({ strength }) => strength !== 'enforced').map(({ note }) => note);
  if (lacking.length === 0) return undefined;
  return `its sandbox is "strict", which this machine cannot do: ${[...new Set(lacking)].join(' ')} With "on" it is started all the same.`;
}

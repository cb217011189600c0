import type { ContractChange, ContractReport } from '@bkg/sdk';

/** Beside it an entry of the registry has room for all else. */
const mostBytes = 48 * 1024;

/** A report of at most so many bytes of JSON, whatever a plugin has called its properties. */
export function fitContract(report: ContractReport): ContractReport {
  let fitted = report;
  while (Buffer.byteLength(JSON.stringify(fitted)) > mostBytes)
    fitted = { breaks: shorter(fitted.breaks), unknown: shorter(fitted.unknown) };
  return fitted;
}

/** The first half, the last of which says that there are more. */
function shorter<T extends ContractChange>(list: readonly T[]): T[] {
  const half = list.slice(0, Math.floor(list.length / 2));
  const last = half.pop();
  return last
    ? [...half, { ...last, detail: `${last.detail.slice(0, 100)}; and more that are not listed` }]
    : [];
}

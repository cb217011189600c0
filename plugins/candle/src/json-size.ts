import { elementsOf, type Tensor } from './datatypes.ts';
import { elementRules } from './elements.ts';

/** The longest number there is, such as -0.0000012345678901234567, and its comma. */
const LONGEST_NUMBER = 26;

/** Whether the elements of these tensors take at most so many bytes as JSON. Slow for large ones, and blocking. */
export function fitsJson(tensors: Tensor[], mostBytes: number): boolean {
  const atMost = tensors.reduce(
    (sum, { datatype, data }) => sum + (datatype === 'BYTES' ? Infinity : data.length * LONGEST_NUMBER),
    0,
  );
  if (atMost <= mostBytes) return true;
  let left = mostBytes;
  for (const tensor of tensors) {
    const { write } = elementRules[tensor.datatype];
    for (const element of elementsOf(tensor)) {
      left -= Buffer.byteLength(JSON.stringify(write(element))) + 1;
      if (left < 0) return false;
    }
  }
  return true;
}

/**
 * Whether one number is a whole multiple of another, both as they are written: 0.3 is one of 0.1, although the quotient of
 * the two doubles is not whole.
 * @param divisor above 0
 */
export function isMultipleOf(value: number, divisor: number): boolean {
  if (Number.isSafeInteger(value) && Number.isSafeInteger(divisor)) return value % divisor === 0;
  // Larger than any number there is: nobody knows of what it is a multiple.
  if (!Number.isFinite(value)) return false;
  const [digits, exponent] = decimalOf(value);
  const [divisorDigits, divisorExponent] = decimalOf(divisor);
  const shift = exponent - divisorExponent;
  const scaled = (given: bigint, by: number): bigint => (by > 0 ? given * 10n ** BigInt(by) : given);
  return scaled(digits, shift) % scaled(divisorDigits, -shift) === 0n;
}

/** A finite number as whole digits and a power of ten. */
function decimalOf(value: number): [digits: bigint, exponent: number] {
  const [coefficient = '0', exponent = '0'] = String(Math.abs(value)).split('e');
  const [whole = '0', fraction = ''] = coefficient.split('.');
  return [BigInt(whole + fraction), Number(exponent) - fraction.length];
}

/** Whether JSON.parse gives the very number that is written. */
export function readsExactly(text: string): boolean {
  return !/^-?\d/.test(text) || decimalOf(text) === decimalOf(String(Number(text)));
}

/** "digits e exponent" without superfluous zeros, so that equal numbers read equal. */
function decimalOf(text: string): string {
  const [, sign, whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const short = digits.replace(/0+$/, '');
  if (short === '') return /\d/.test(text) ? '0' : text;
  return `${sign}${short}e${Number(exponent) - fraction.length + digits.length - short.length}`;
}

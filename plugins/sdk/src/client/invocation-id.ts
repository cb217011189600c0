/** 128 bits of a cryptographic source, in browsers and in Node, as 32 hexadecimal digits. */
export function newInvocationId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What the system calls a failure, as ENOENT; "" when it says no such thing. */
export function codeOf(error: unknown): string {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

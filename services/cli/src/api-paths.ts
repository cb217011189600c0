/** Where the gateway has a plugin, and what is of it: `/api/plugins/candle/logs`. */
export function pluginPath(id: string, ...rest: readonly string[]): string {
  return pathOf('/api/plugins', id, rest);
}

/** Where it has a key. */
export function keyPath(prefix: string, ...rest: readonly string[]): string {
  return pathOf('/api/keys', prefix, rest);
}

function pathOf(root: string, id: string, rest: readonly string[]): string {
  return [root, ...[id, ...rest].map(encodeURIComponent)].join('/');
}

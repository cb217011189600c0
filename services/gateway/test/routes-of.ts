import { expect } from 'vitest';

/** The routes in Fastify's drawing of them, without those of the dashboard's files. */
export function routesOf(drawing: string): string[] {
  const routes: string[] = [];
  const stack: string[] = [];
  for (const line of drawing.split('\n')) {
    const [, indent = '', part = '', methods = ''] =
      /^((?:[│ ] {3})*)[├└]── (\S+)(?: \((.+)\))?$/.exec(line) ?? [];
    if (part === '') continue;
    stack.length = indent.length / 4;
    stack.push(part);
    for (const method of methods.split(', ')) {
      if (/^(?:GET|POST|PUT|PATCH|DELETE)$/.test(method)) routes.push(`${method} ${stack.join('')}`);
    }
  }
  expect(routes.length).toBeGreaterThan(10);
  return routes.filter((route) => !route.endsWith('*') && !/ \/$/.test(route));
}

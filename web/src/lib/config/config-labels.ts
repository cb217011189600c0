import { variableOf } from './config-diff.ts';
import { numberMembers } from './config-edits.ts';

/** What the form calls the members that are no numbers. */
const memberLabels = {
  '/version': 'Version',
  '/enabled': 'Enabled',
  '/autostart': 'Starts with the mesh',
  '/sandbox': 'Sandbox',
  '/env': 'Environment',
  '/settings': 'Settings',
} as const;

/** What the form calls the place of a JSON pointer; undefined when it has no words of its own for it. */
export function labelOfPath(path: string): string | undefined {
  const variable = variableOf(path);
  if (variable !== undefined) return `Variable ${variable}`;
  const labels: Record<string, string | { label: string }> = { ...numberMembers, ...memberLabels };
  const found = Object.hasOwn(labels, path) ? labels[path] : undefined;
  return typeof found === 'object' ? found.label : found;
}

import type { PluginLogs } from './plugin-logs.ts';

const linesMost = 20;
const lineMostChars = 500;

/** What an instance has printed last, the oldest line first. */
export async function lastLines(
  logs: Pick<PluginLogs, 'lastOutput'>,
  id: string,
  instance: string,
): Promise<string[]> {
  const lines = await logs.lastOutput(id, instance, linesMost);
  return lines.map((line) => line.slice(0, lineMostChars));
}

/** The same as the end of a failure's text. */
export async function lastWords(
  logs: Pick<PluginLogs, 'lastOutput'>,
  id: string,
  instance: string,
): Promise<string> {
  const lines = await lastLines(logs, id, instance);
  const shown = lines.join('\n');
  return shown ? ` Its last lines:\n${shown}` : ' It printed nothing.';
}

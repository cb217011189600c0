import { existsSync } from 'node:fs';
import path from 'node:path';
import { Failure } from '../failure.ts';
import { projectFolder } from '../project.ts';

export interface Program {
  command: string;
  args: readonly string[];
}

/** The programs of bkg that `bkg up` starts. */
export interface Programs {
  supervisor: Program;
  gateway: Program;
  /** Ends every plugin of a home without the broker; with `--now` at once. */
  stopPlugins: Program;
}

/** They are started as programs and never imported: either may die, and be replaced, alone. @throws Failure */
export function builtPrograms(): Programs {
  const main = (service: string): string => path.join(projectFolder, 'services', service, 'dist/main.js');
  const [supervisor, gateway] = [main('supervisor'), main('gateway')];
  const missing = [supervisor, gateway].filter((file) => !existsSync(file));
  if (missing.length > 0)
    throw new Failure(
      `The build is not complete: ${missing.join(' and ')} is missing.`,
      'run `npm start`, which builds it.',
    );
  const node = (...args: string[]): Program => ({ command: process.execPath, args });
  return {
    supervisor: node(supervisor),
    gateway: node(gateway),
    stopPlugins: node(supervisor, 'stop-plugins'),
  };
}

#!/usr/bin/env node
import { runCommand } from './command-line.ts';
import { describe } from './failure.ts';
import { outliveTerminal } from './say.ts';

outliveTerminal();
try {
  process.exitCode = await runCommand(process.argv.slice(2), process.env);
} catch (error) {
  process.stderr.write(`\n${describe(error)}\n`);
  process.exitCode = 1;
}

#!/usr/bin/env node
import { runCommand } from './command-line.ts';
import { describe, Failure } from './failure.ts';

try {
  process.exitCode = await runCommand(process.argv.slice(2), process.env);
} catch (error) {
  process.stderr.write(`${describe(error)}\n`);
  process.exitCode = error instanceof Failure ? error.exitCode : 1;
}

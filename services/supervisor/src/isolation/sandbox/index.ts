/** Keeps a plugin to its own files and to the broker. */
export { probeSandbox } from './probe.ts';
export type { ProbeOptions } from './probe.ts';
export { sandboxed } from './sandboxed.ts';
export type { SandboxRules } from './sandboxed.ts';
export type { SandboxProbe } from './trial-verdict.ts';

/** Keeps a plugin to its own files and to the broker. */
export { probeSandbox } from './probe.ts';
export { sandboxed, sandboxPrograms } from './sandboxed.ts';
export type { SandboxProbe } from './trial-verdict.ts';

/** Does a running plugin keep to PROTOCOL.md? The cases are data, in suite.json; this is a runner for them. */
export { reachedLevel, runConformance } from './run.ts';
export type { CaseResult, ConformanceOptions } from './run.ts';
export type { GivenUpload } from './samples.ts';
export { levels, levelsUpTo, suite } from './suite.ts';
export type { ConformanceCase, Level, Suite } from './suite.ts';

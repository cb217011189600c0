import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Small files that take minutes; by their size vitest would begin them last, and wait for them with nothing beside. */
const longest = ['infra/fuzz/test/fuzz.test.mjs', 'infra/chaos/test/chaos.test.ts'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLongest = ({ moduleId }: TestSpecification): boolean =>
      longest.some((file) => moduleId.endsWith(`/${file}`));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLongest), ...sorted.filter((file) => !isLongest(file))];
  }
}

export default defineConfig({
  root,
  test: {
    include: [
      'plugins/*/test/**/*.test.ts',
      'services/*/test/**/*.test.ts',
      'web/test/**/*.test.ts',
      'infra/**/*.test.{mjs,ts}',
    ],
    // Every test starts real servers and processes, and waits for them: on two cores a third worker uses what two leave.
    maxWorkers: 3,
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    // A process of its own for every file would load the SDK and Nest anew, for a second each; nothing here has a state.
    isolate: false,
    // A machine that others use as well may stand still for longer than anything waits. What passes only then is named at the end.
    retry: 1,
    expect: { poll: { timeout: 10_000 } },
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});

import { defineConfig } from 'vitest/config';

/** A project per need: what runs anywhere, what needs the addon, what needs root. `npm test` chooses among them. */
function project(name: string, groupOrder: number, folders: string[], testTimeout: number) {
  return {
    test: {
      name,
      include: folders.map((folder) => `test/${folder}/**/*.test.ts`),
      pool: 'forks' as const,
      testTimeout,
      hookTimeout: Math.max(testTimeout, 30_000),
      // Projects run one after the other, so that namespaces and allocation counts are not measured beside other tests.
      sequence: { groupOrder },
      fileParallelism: name === 'unit',
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      project('unit', 0, ['unit', 'contract', 'lan', 'control'], 60_000),
      project('native', 1, ['native'], 60_000),
      project('package', 2, ['package'], 180_000),
      project('netns', 3, ['netns', 'forge', 'alloc'], 120_000),
      project('fuzz', 4, ['fuzz'], 600_000),
    ],
  },
});

import { defineConfig } from 'vitest/config';

/** A project per need: what runs anywhere, what needs the addon, what needs root. `npm test` chooses among them. */
function project(name: string, folders: string[], testTimeout: number, alone = false) {
  return {
    test: {
      name,
      include: folders.map((folder) => `test/${folder}/**/*.test.ts`),
      pool: 'forks' as const,
      testTimeout,
      hookTimeout: Math.max(testTimeout, 30_000),
      // Network namespaces, ports and the clock of a loaded machine are shared: one such file at a time.
      fileParallelism: !alone,
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      project('unit', ['unit', 'contract', 'lan', 'control'], 20_000),
      project('native', ['native', 'alloc'], 60_000, true),
      project('package', ['package'], 180_000, true),
      project('netns', ['netns'], 120_000, true),
      project('fuzz', ['fuzz'], 600_000),
    ],
  },
});

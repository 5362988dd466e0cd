import { defineConfig } from 'vitest/config'

/** How long tests wait for what should come soon, on a machine that is busy with other things. */
const patience = { testTimeout: 30_000, expect: { poll: { timeout: 10_000 } } } as const

/** Names of tests are never cut: they cite rules to their end (test/rules/reporter.ts). */
const names = { taskTitleValueFormatTruncate: 0 } as const

/** Levels that use the machine (namespaces, cgroups, BPF) run one file at a time. */
const serial = { ...names, fileParallelism: false, hookTimeout: 120_000 } as const

export default defineConfig({
  test: {
    reporters: ['./test/no-skips.ts', './test/rules/reporter.ts', 'default'],
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], ...patience, ...names } },
      { test: { name: 'bpf', include: ['test/bpf/**/*.test.ts'], testTimeout: 30_000, ...serial } },
      { test: { name: 'net', include: ['test/net/**/*.test.ts'], testTimeout: 60_000, ...serial } },
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          testTimeout: 120_000,
          ...serial,
        },
      },
    ],
  },
})

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { mountBpf, type TemporaryDirectory } from './fixture.ts'

let bpffs: TemporaryDirectory
beforeAll(() => {
  bpffs = mountBpf()
})
afterAll(() => {
  bpffs.remove()
})

it('survives 100,000 operations with garbage collection and leaks no descriptor', () => {
  const child = spawnSync(
    process.execPath,
    ['--expose-gc', join(import.meta.dirname, 'stress.ts'), join(bpffs.path, 'large_hash')],
    { encoding: 'utf8' },
  )
  expect(child.stderr).toBe('')
  expect(child.status).toBe(0)
  const { operations, leaked } = JSON.parse(child.stdout) as { operations: number; leaked: number }
  expect(operations).toBeGreaterThan(100_000)
  expect(leaked).toBeLessThanOrEqual(0)
})

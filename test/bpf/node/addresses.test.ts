import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const script = join(import.meta.dirname, 'addresses-scenarios.ts')

/** What a scenario comes to in a network namespace of its own. */
function play(name: string): unknown {
  const child = spawnSync('unshare', ['--net', process.execPath, script, name], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  expect(child).toMatchObject({ stderr: '', status: 0, signal: null })
  return JSON.parse(child.stdout)
}

describe('the addresses of the node', () => {
  it('are followed as they come and go, on all interfaces and each once (TR-40, TR-43)', () => {
    expect(play('follow')).toEqual({
      before: [],
      first: ['192.0.2.1'],
      heard: [['10.0.0.1', '192.0.2.1'], []],
      last: [],
    })
  })

  it('stay as they were while they cannot be read, and are read again soon', () => {
    expect(play('trouble')).toEqual({
      heard: ['no more files', 'no more files', ['192.0.2.1']],
      list: ['192.0.2.1'],
    })
  })

  it('are an error where they cannot be read at the start', () => {
    expect(play('start')).toEqual({ error: 'no more files', list: [] })
  })
})

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AddressWatcher, type InterfaceAddress, interfaceAddresses } from '#addon'
import { canonicalAddress } from '../../../control/model/canonical.ts'

const script = join(import.meta.dirname, 'address-scenarios.ts')

/** What a scenario comes to in a network namespace that has an lo, down, and no address. */
function play(name: string): unknown {
  const child = spawnSync('unshare', ['--net', process.execPath, '--expose-gc', script, name], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  expect(child).toMatchObject({ stderr: '', status: 0, signal: null })
  return JSON.parse(child.stdout)
}

describe('the addresses of interfaces', () => {
  it('are those of this network namespace, up or down, of both families', () => {
    const found = play('list') as InterfaceAddress[]
    const lines = found.map(
      ({ interface: name, address, prefixLength, scope }) =>
        `${name} ${address}/${prefixLength} ${scope}`,
    )
    expect(lines.sort()).toEqual([
      'east 192.0.2.1/24 global',
      'east 192.0.2.9/24 global',
      'east 2001:db8::1:0:0:1/64 global',
      'lo 127.0.0.1/8 host',
      'lo ::102:304/128 global',
      'lo ::7/128 global',
      'lo fd00::ff/128 global',
      // Of the two ends the one here, which has the other's prefix length.
      'west 198.51.100.1/32 77',
      'west fd00::1/128 global',
    ])
    for (const { address } of found) expect(canonicalAddress(address)?.text).toBe(address)
    const indices = new Set(found.map(({ index, interface: name }) => `${name} ${index}`))
    expect(indices.size).toBe(3)
  })

  it('are none where there are none', () => {
    expect(play('empty')).toEqual([])
  })

  it('are all there, however many', () => {
    expect(play('many')).toBe(5_000)
  })

  it('say whether another host may have them, or has', () => {
    expect(play('duplicates')).toMatchObject([
      { address: 'fd00::1', tentative: true, dadFailed: false },
      { address: 'fd00::1', dadFailed: true },
    ])
  })

  it('can be read here', () => {
    expect(interfaceAddresses().every(({ index }) => index > 0)).toBe(true)
  })
})

describe('a watcher of addresses', () => {
  it('sees them come and go, of both families', () => {
    expect(play('changes')).toBe(4)
  })

  it('sees them go with their interface', () => {
    expect(play('interfaces')).toBe(3)
  })

  it('is called once for what changed at once', () => {
    expect(play('batch')).toEqual([['192.0.2.1', '192.0.2.2']])
  })

  it('takes notifications that the kernel dropped for a change, and goes on', () => {
    expect(play('overflow')).toEqual({ burst: 1, first: 5_000, after: 1, last: true })
  })

  it('goes on when its callback throws, which is an uncaught exception', () => {
    expect(play('errors')).toEqual(['call 1', 'call 2'])
  })

  it('never calls once closed, and closes twice', () => {
    expect(play('close')).toEqual({ calls: 0, own: 1 })
  })

  it('is closed when it is collected, although its callback knows it', () => {
    expect(play('collected')).toEqual({ open: 20, calls: 0 })
  })

  it.each([
    ['a thread, which ends', 'threads', 'ended'],
    ['the process, which it does not keep alive', 'idle', 'returned'],
    ['the process, which exits', 'exit', 'exited'],
  ])('ends with %s', (_, name, result) => {
    expect(play(name)).toBe(result)
  })

  it('needs a function', () => {
    expect(() => new AddressWatcher(undefined as never)).toThrow(
      new TypeError('onChange must be a function, got undefined'),
    )
  })
})

import { describe, expect, it } from 'vitest'
import { BackendRegistry } from '../../../control/mode/ebpf/backends.ts'
import { maglevSize, maglevTable } from '../../../control/mode/ebpf/maglev.ts'

/** Tables of addresses by host number, as a registry of its own would make them. */
function tableOf(hosts: readonly number[]): number[] {
  const registry = new BackendRegistry()
  const names = { targetUid: '', targetName: '', zone: '', local: false }
  const hostOf = new Map<number, number>()
  for (const host of hosts) {
    registry.look({ ...names, address: `10.${host >> 8}.${host & 255}.1`, port: 80 }, 6)
    hostOf.set(registry.add(host), host)
  }
  return maglevTable([...hostOf.keys()], registry).map((index) => hostOf.get(index) as number)
}

const range = (count: number) => Array.from({ length: count }, (_, host) => host + 1)

function shares(table: readonly number[]): number[] {
  const counts = new Map<number, number>()
  for (const host of table) counts.set(host, (counts.get(host) ?? 0) + 1)
  return [...counts.values()]
}

describe('a Maglev table', () => {
  it.each([1, 2, 3, 10, 100, 655, 5_000])(
    'gives %i endpoints the same share, to one place',
    (count) => {
      const table = tableOf(range(count))
      expect(table).toHaveLength(maglevSize(count))
      const all = shares(table)
      expect(all).toHaveLength(count)
      expect(Math.max(...all) - Math.min(...all)).toBeLessThanOrEqual(1)
    },
  )

  it('is empty without endpoints, and fits a range of the arena with the most of them', () => {
    expect(tableOf([])).toEqual([])
    expect(maglevSize(65_535)).toBe(65_521)
  })

  it('is the same on every node, as the list is (IN-29)', () => {
    expect(tableOf([1, 2, 3])).toEqual(tableOf([1, 2, 3]))
  })

  it('changes little where one endpoint goes or comes', () => {
    const hosts = range(20)
    const before = tableOf(hosts)
    const after = tableOf(hosts.filter((host) => host !== 7))
    expect(after).toHaveLength(before.length)
    const moved = before.filter((host, place) => host !== 7 && after[place] !== host).length
    expect(moved / before.length).toBeLessThan(0.1)
  })
})

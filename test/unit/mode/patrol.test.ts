import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Applier } from '../../../control/mode/ebpf/applier.ts'
import type { MapName } from '../../../control/mode/ebpf/kernel-maps.ts'
import type { ServicePort } from '../../../control/model/service-port.ts'
import { FakeMaps } from './fake-maps.ts'
import { content, desiredState, port, setAll, wanted } from './ports.ts'
import { readMaps, readRanges } from './reader.ts'

async function applied(maps: FakeMaps, ports: readonly ServicePort[]): Promise<Applier> {
  const applier = new Applier(maps)
  await applier.start()
  await applier.apply(setAll(ports), true)
  await applier.settled()
  return applier
}

/** Rounds until everything has been looked at once, from wherever the patrol is. */
async function patrolAll(applier: Applier, count = 1_000): Promise<string[]> {
  const problems: string[] = []
  for (let round = 0; round < 2; round++) problems.push(...(await applier.patrol(count)).problems)
  return problems
}

describe('the patrol', () => {
  it('finds nothing and writes nothing where nothing differs', async () => {
    await fc.assert(
      fc.asyncProperty(desiredState, async (state) => {
        const maps = new FakeMaps()
        const applier = await applied(maps, state)
        maps.writes = 0
        expect(await patrolAll(applier)).toEqual([])
        expect(maps.writes).toBe(0)
      }),
    )
  })

  it('repairs whatever somebody else did to the rows and slots of a service port', async () => {
    const damage = fc.record({
      map: fc.constantFrom<MapName | 'slots'>('services', 'backends', 'members', 'slots'),
      row: fc.nat(20),
      byte: fc.nat(100),
      deletes: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(desiredState, fc.array(damage, { maxLength: 5 }), async (state, all) => {
        const maps = new FakeMaps()
        const applier = await applied(maps, state)
        for (const { map, row, byte, deletes } of all) {
          if (map === 'slots') {
            maps.slots[byte % maps.slots.length] = (maps.slots[byte % maps.slots.length] ?? 0) ^ 255
            continue
          }
          const rows = [...maps.rows[map].entries()]
          const victim = rows[row % Math.max(rows.length, 1)]
          if (victim === undefined) continue
          const [text, [key, value]] = victim
          if (deletes) maps.rows[map].delete(text)
          else {
            const changed = value.slice()
            changed[byte % changed.length] = (changed[byte % changed.length] ?? 0) ^ 255
            maps.rows[map].set(text, [key, changed])
          }
        }
        await patrolAll(applier)
        expect(content(readMaps(maps))).toEqual(wanted(state))
        expect(await applier.verify()).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  it('goes on where it stopped, a part at a time, and begins again', async () => {
    const ports = Array.from({ length: 10 }, (_, n) =>
      port(['10.0.0.1:8080'], { name: `s${n}`, frontends: [`10.96.0.${n + 1}:80`] }),
    )
    const applier = await applied(new FakeMaps(), ports)
    const checked: number[] = []
    for (let round = 0; round < 6; round++) checked.push((await applier.patrol(12)).checked)
    expect(checked).toEqual([4, 4, 2, 4, 4, 2])
  })

  it('puts source ranges back, and takes away those that nobody asked for (TR-31)', async () => {
    const maps = new FakeMaps()
    const limited = port(['10.0.0.1:8080'], {
      frontends: ['LoadBalancerIP 203.0.113.7:80'],
      sourceRanges: ['10.0.0.0/8', '192.0.2.0/24'],
    })
    const applier = await applied(maps, [limited])
    const [[text, [key, value]] = ['', []] as never] = maps.rows.source_ranges
    maps.rows.source_ranges.delete(text)
    const stranger = (key as Uint8Array).slice()
    stranger[4] = 99
    maps.update('source_ranges', stranger, value as Uint8Array)
    expect(await patrolAll(applier)).toEqual([
      'source_ranges: 10.0.0.0/8 of service 99 should not be there',
      'source_ranges: 10.0.0.0/8 of service 1 is missing',
    ])
    expect([...readRanges(maps).entries()]).toEqual([[1, ['10.0.0.0/8', '192.0.2.0/24']]])
  })

  it('removes frontends that nobody asked for', async () => {
    const maps = new FakeMaps()
    const web = port(['10.0.0.1:8080'])
    const applier = await applied(maps, [web])
    const [[key, value] = []] = maps.rows.services.values()
    const stranger = (key as Uint8Array).slice()
    stranger[15] = 99
    maps.update('services', stranger, value as Uint8Array)
    expect(await patrolAll(applier)).toEqual([
      'services: 10.96.0.99:80/TCP belongs to no service port',
    ])
    expect(content(readMaps(maps))).toEqual(wanted([web]))
  })

  it('touches nothing before everything is known (IN-4)', async () => {
    const maps = new FakeMaps()
    await applied(maps, [port(['10.0.0.1:8080'])])
    const next = new Applier(maps)
    await next.start()
    maps.writes = 0
    expect(await next.patrol(10)).toEqual({ checked: 0, isRoundEnd: false, problems: [] })
    expect(maps.writes).toBe(0)
  })

  it('tells of a write that fails, and mends it in a later round', async () => {
    const maps = new FakeMaps()
    const web = port(['10.0.0.1:8080'])
    const applier = await applied(maps, [web])
    maps.rows.services.clear()
    maps.onWrite = () => {
      throw new Error('EIO')
    }
    await expect(applier.patrol(10)).rejects.toThrow('EIO')
    maps.onWrite = () => {}
    expect(await patrolAll(applier)).toEqual([
      `service port ${web.key}: 10.96.0.1:80/TCP is missing`,
    ])
    expect(content(readMaps(maps))).toEqual(wanted([web]))
  })
})

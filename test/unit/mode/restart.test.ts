import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Applier } from '../../../control/mode/ebpf/applier.ts'
import type { ServicePort } from '../../../control/model/service-port.ts'
import { FakeBpfError, FakeMaps } from './fake-maps.ts'
import { content, desiredState, list, port, remove, set, setAll, wanted } from './ports.ts'
import { readMaps, readMembers } from './reader.ts'

async function restarted(maps: FakeMaps): Promise<Applier> {
  const applier = new Applier(maps)
  await applier.start()
  return applier
}

async function applied(maps: FakeMaps, ports: readonly ServicePort[]): Promise<Applier> {
  const applier = await restarted(maps)
  await applier.apply(setAll(ports), true)
  await applier.settled()
  return applier
}

describe('a restarted agent', () => {
  it('writes nothing when the cluster did not change meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(desiredState, async (state) => {
        const maps = new FakeMaps()
        await applied(maps, state)
        const before = readMaps(maps)
        maps.writes = 0
        const applier = await restarted(maps)
        const report = await applier.apply(setAll(state), true)
        await applier.settled()
        expect([report.changed, report.syscalls, maps.writes]).toEqual([0, 0, 0])
        expect(readMaps(maps)).toEqual(before)
      }),
    )
  })

  it('keeps service ids, so that statistics and affinity live on', async () => {
    const maps = new FakeMaps()
    const frontends = ['10.96.0.1:80', '192.0.2.1:80']
    await applied(maps, [port(['10.0.0.1:8080'], { frontends })])
    const before = readMaps(maps).get('192.0.2.1:80/TCP')?.serviceId
    await applied(maps, [port(['10.0.0.2:8080'], { frontends: ['192.0.2.1:80'] })])
    expect(readMaps(maps).get('192.0.2.1:80/TCP')?.serviceId).toBe(before)
  })

  it('removes and shrinks nothing before the first complete apply (IN-4)', async () => {
    await fc.assert(
      fc.asyncProperty(desiredState, desiredState, async (a, b) => {
        const maps = new FakeMaps()
        await applied(maps, a)
        const before = readMaps(maps)
        const applier = await restarted(maps)
        await applier.apply([...a.map(remove), ...setAll(b)], false)
        const after = readMaps(maps)
        for (const [name, { internal, external }] of before) {
          const now = after.get(name)
          expect(now?.internal.map(place)).toEqual(expect.arrayContaining(internal.map(place)))
          expect(now?.external.map(place)).toEqual(expect.arrayContaining(external.map(place)))
        }
        await applier.apply(setAll(b), true)
        await applier.settled()
        expect(content(readMaps(maps))).toEqual(wanted(b))
        expect(await applier.verify()).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  it('keeps a restored endpoint in use beside the listed ones until the lists are complete', async () => {
    const maps = new FakeMaps()
    await applied(maps, [port(['10.0.0.1:8080', '10.0.0.2:8080'])])
    const applier = await restarted(maps)
    await applier.apply([set(port(['10.0.0.3:8080']))], false)
    expect(readMaps(maps).get('10.96.0.1:80/TCP')?.internal).toEqual([
      '10.0.0.3:8080',
      '10.0.0.1:8080',
      '10.0.0.2:8080',
    ])
  })

  it('ends what it was itself told of even before that, and nothing that it was not (IN-4)', async () => {
    const maps = new FakeMaps()
    const unread = port(['10.0.0.9:8080'], { name: 'unread', frontends: ['10.96.0.9:80'] })
    const gone = port(['10.0.0.8:8080'], { name: 'gone', frontends: ['10.96.0.8:80'] })
    await applied(maps, [port(['10.0.0.1:8080', '10.0.0.2:8080']), gone, unread])
    const applier = await restarted(maps)
    const frontends = ['10.96.0.1:80', '10.96.0.2:80']
    await applier.apply(
      [set(port(['10.0.0.2:8080', '10.0.0.3:8080'], { frontends })), set(gone)],
      false,
    )
    await applier.apply([set(port(['10.0.0.4:8080'])), remove(gone)], false)
    await applier.settled()
    const seen = readMaps(maps)
    expect([...seen.keys()].sort()).toEqual(['10.96.0.1:80/TCP', '10.96.0.9:80/TCP'])
    expect(seen.get('10.96.0.1:80/TCP')?.internal).toEqual(['10.0.0.4:8080', '10.0.0.1:8080'])
    expect(await applier.verify()).toEqual([])
    await applier.apply([set(port(['10.0.0.4:8080']))], true)
    await applier.settled()
    expect(content(readMaps(maps))).toEqual(wanted([port(['10.0.0.4:8080'])]))
    expect(await applier.verify()).toEqual([])
  })

  it('ends what a write that failed may have left of what it was told of', async () => {
    const maps = new FakeMaps()
    await applied(maps, [port(['10.0.0.1:8080'])])
    const applier = await restarted(maps)
    let records = 0
    maps.onWrite = (_, map) => {
      if (map === 'services' && ++records > 1) throw new FakeBpfError('EIO', map)
    }
    const wide = port(['10.0.0.2:8080'], { frontends: ['10.96.0.1:80', '10.96.0.2:80'] })
    await expect(applier.apply([set(wide)], false)).rejects.toThrow('EIO')
    maps.onWrite = () => {}
    await applier.apply([set(port(['10.0.0.3:8080']))], false)
    expect(readMaps(maps).get('10.96.0.1:80/TCP')?.internal).toEqual([
      '10.0.0.3:8080',
      '10.0.0.1:8080',
    ])
  })

  it('sweeps rows that nothing shows, only with the first complete apply', async () => {
    const maps = new FakeMaps()
    const web = port(['10.0.0.1:8080'])
    await applied(maps, [web])
    const [member] = maps.rows.members.values()
    const [row] = maps.rows.backends.values()
    if (member === undefined || row === undefined) throw new Error('no rows')
    const strayMember = new Uint8Array(new Uint32Array([77, 78]).buffer)
    const strayId = new Uint8Array(new Uint32Array([78]).buffer)
    const value = row[1].slice()
    value.set(strayId)
    maps.update('members', strayMember, member[1])
    maps.update('backends', strayId, value)
    maps.update('service_stats', strayId, new Uint8Array())
    const applier = await restarted(maps)
    await applier.apply([set(web)], false)
    expect([maps.rows.members.size, maps.rows.backends.size]).toEqual([2, 2])
    await applier.apply([set(web)], true)
    await applier.settled()
    expect(readMembers(maps).size).toBe(1)
    expect([maps.rows.backends.size, maps.rows.service_stats.size]).toEqual([1, 0])
    expect(await applier.verify()).toEqual([])
  })

  it('reports a torn record, leaves it alone, and replaces it with the first complete apply', async () => {
    const maps = new FakeMaps()
    const web = port(['10.0.0.1:8080'])
    const gone = port(['10.0.0.2:8080'], { name: 'gone', frontends: ['10.96.0.2:80'] })
    await applied(maps, [web, gone])
    for (const [, value] of maps.rows.services.values()) value[20] = 99
    const applier = await restarted(maps)
    expect([...applier.ledger.invalid]).toEqual([
      ['10.96.0.1:80/TCP', 'its checksum does not match'],
      ['10.96.0.2:80/TCP', 'its checksum does not match'],
    ])
    expect(maps.rows.services.size).toBe(2)
    await applier.apply([set(web)], true)
    expect(content(readMaps(maps))).toEqual(wanted([web]))
    await applier.settled()
    expect(await applier.verify()).toEqual([])
  })

  it('does not adopt a record whose slot shows a backend without a row', async () => {
    const maps = new FakeMaps()
    await applied(maps, [port(['10.0.0.1:8080'])])
    maps.rows.backends.clear()
    const applier = await restarted(maps)
    expect([...applier.ledger.invalid.values()]).toEqual([
      'slot 0 shows backend 1, which has no row',
    ])
    await applier.apply([set(port(['10.0.0.2:8080']))], true)
    expect(content(readMaps(maps))).toEqual(wanted([port(['10.0.0.2:8080'])]))
  })

  it('continues ids above those in use even if the marks in meta were lost', async () => {
    const maps = new FakeMaps()
    await applied(maps, [port(['10.0.0.1:8080'])])
    maps.rows.meta.clear()
    await applied(maps, [
      port(['10.0.0.1:8080']),
      port([], { name: 'b', frontends: ['10.96.0.2:80'] }),
    ])
    expect([...readMaps(maps).values()].map(({ serviceId }) => serviceId)).toEqual([1, 2])
  })
})

describe('what an agent that was killed could not clean up', () => {
  it('goes with the first complete apply: turns, counters and source ranges of services that are gone', async () => {
    const maps = new FakeMaps()
    const limited = port(['10.0.0.1:8080'], {
      frontends: ['LoadBalancerIP 203.0.113.7:80'],
      sourceRanges: ['192.0.2.0/24', '10.0.0.0/8'],
    })
    await applied(maps, [limited])
    const id = (value: number) => new Uint8Array(new Uint32Array([value]).buffer)
    for (const map of ['turns', 'service_stats'] as const)
      maps.update(map, id(77), new Uint8Array(8))
    maps.rows.services.clear()
    const next = await applied(maps, [])
    await next.settled()
    expect(maps.lookup('turns', id(77))).toBeUndefined()
    expect(maps.lookup('service_stats', id(77))).toBeUndefined()
    expect(maps.rows.source_ranges.size).toBe(0)
  })

  it('are no source ranges that are still asked for', async () => {
    const maps = new FakeMaps()
    const limited = port(['10.0.0.1:8080'], {
      frontends: ['LoadBalancerIP 203.0.113.7:80'],
      sourceRanges: ['10.0.0.0/8', '192.0.2.0/24'],
    })
    await applied(maps, [limited])
    maps.writes = 0
    await applied(maps, [limited])
    expect(maps.writes).toBe(0)
    expect(maps.rows.source_ranges.size).toBe(2)
  })
})

describe('verify', () => {
  it('names what somebody else changed in the maps', async () => {
    const maps = new FakeMaps()
    const applier = await applied(maps, [port(list(['10.0.0.1:8080'], ['10.0.0.2:8080']))])
    for (const [, value] of maps.rows.services.values()) value[20] = 99
    maps.rows.members.clear()
    maps.slots[0] = 7
    expect(await applier.verify()).toEqual([
      'services: the record of 10.96.0.1:80/TCP differs from what default/web:http/TCP/4 needs',
      expect.stringContaining('slots: slot 0 of default/web:http/TCP/4 shows backend 1 at'),
      'members: backend 1 of default/web:http/TCP/4 is missing',
      'members: backend 2 of default/web:http/TCP/4 is missing',
    ])
  })
})

const place = (endpoint: string) => endpoint.split(' ')[0]

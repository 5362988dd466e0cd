import { describe, expect, it } from 'vitest'
import { Applier } from '../../../control/mode/ebpf/applier.ts'
import type { Limits } from '../../../control/mode/ebpf/kernel-maps.ts'
import type { ServicePort } from '../../../control/model/service-port.ts'
import { FakeMaps, SMALL } from './fake-maps.ts'
import { content, port, remove, set, setAll, wanted } from './ports.ts'
import { readMaps } from './reader.ts'

async function applied(limits: Partial<Limits>, ports: readonly ServicePort[]) {
  const maps = new FakeMaps({ ...SMALL, ...limits })
  const applier = new Applier(maps)
  await applier.start()
  await applier.apply(setAll(ports), true)
  await applier.settled()
  return { maps, applier }
}

const service = (index: number, endpoints: readonly string[]) =>
  port(endpoints, { name: `svc-${index}`, frontends: [`10.96.0.${index}:80`] })

const hosts = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) => `10.0.0.${from + at}:8080`)

describe('a full map', () => {
  it('refuses the new service port by name with the flag to raise, and serves all others', async () => {
    const { maps, applier } = await applied({ services: 2 }, [
      service(1, hosts(1, 1)),
      service(2, hosts(2, 1)),
    ])
    const report = await applier.apply([set(service(3, hosts(3, 1)))], false)
    expect(report.refused).toEqual([
      {
        key: 'default/svc-3:http/TCP/4',
        reason: 'MapFull',
        message:
          'service port default/svc-3:http/TCP/4: map "services" has no room (2 of 2 entries are ' +
          'used): this new service port is not served; raise --max-services, or remove Services',
      },
    ])
    expect(content(readMaps(maps))).toEqual(
      wanted([service(1, hosts(1, 1)), service(2, hosts(2, 1))]),
    )
    await applier.apply([set(service(1, hosts(5, 1)))], false)
    expect(content(readMaps(maps)).get('10.96.0.1:80/TCP')?.internal).toEqual(hosts(5, 1))
  })

  it('takes a refused service port in as soon as another one goes', async () => {
    const { maps, applier } = await applied({ services: 1 }, [service(1, hosts(1, 1))])
    await applier.apply([set(service(2, hosts(2, 1)))], false)
    expect(applier.refused).toHaveLength(1)
    await applier.apply([remove(service(1, []))], false)
    expect(applier.refused).toEqual([])
    expect(content(readMaps(maps))).toEqual(wanted([service(2, hosts(2, 1))]))
  })

  it.each([
    ['backends', { backends: 4 }],
    ['members', { members: 4 }],
    ['slots', { slots: 8 }],
  ])(
    'of %s: one that grows loses what it no longer wants and goes without the newcomers',
    async (map, limits) => {
      const full = map === 'slots' ? hosts(1, 7) : hosts(1, 4)
      const { maps, applier } = await applied(limits, [service(1, full.slice(0, 3))])
      const grown = [...hosts(2, 2), ...hosts(20, 8)]
      const report = await applier.apply([set(service(1, grown))], false)
      await applier.settled()
      expect(report.refused[0]?.message).toContain(`map "${map}" has no room`)
      expect(report.refused[0]?.message).toContain('--max-endpoints')
      const shown = content(readMaps(maps)).get('10.96.0.1:80/TCP')?.internal ?? []
      expect(shown.slice(0, 2)).toEqual(hosts(2, 2))
      expect(shown).not.toContain('10.0.0.1:8080')
      expect(await applier.verify()).toEqual([])
    },
  )

  it('lets a full arena still lose endpoints', async () => {
    const { maps, applier } = await applied({ slots: 64 }, [
      service(1, hosts(1, 30)),
      service(2, hosts(1, 30)),
    ])
    expect(applier.refused).toEqual([])
    await applier.apply([set(service(1, hosts(1, 2)))], false)
    await applier.apply([set(service(2, hosts(1, 1)))], false)
    await applier.settled()
    expect(applier.refused).toEqual([])
    expect(content(readMaps(maps))).toEqual(
      wanted([service(1, hosts(1, 2)), service(2, hosts(1, 1))]),
    )
  })

  it('replaces everything after a restart although old and new do not fit together', async () => {
    const { maps } = await applied({ backends: 10, members: 10, slots: 24 }, [
      service(1, hosts(1, 10)),
    ])
    const applier = new Applier(maps)
    await applier.start()
    const report = await applier.apply([set(service(2, hosts(50, 10)))], true)
    expect(report.refused).toEqual([])
    await applier.settled()
    expect(content(readMaps(maps))).toEqual(wanted([service(2, hosts(50, 10))]))
    expect(await applier.verify()).toEqual([])
  })
})

describe('a Maglev table that does not fit', () => {
  const web = (count: number) => port(hosts(1, count), { scheduler: 'mh' })

  it('is a plain list, and says so', async () => {
    const { maps, applier } = await applied({ slots: 64 }, [web(4)])
    expect(applier.refused.map(({ message }) => message)).toEqual([
      expect.stringContaining('without a Maglev table'),
    ])
    expect(content(readMaps(maps))).toEqual(wanted([web(4)]))
  })

  it('keeps no endpoint that is gone (EP-1)', async () => {
    // Room for one table of four endpoints (127 slots), and not for the next beside it.
    const { maps, applier } = await applied({ slots: 200 }, [web(4)])
    expect(applier.refused).toEqual([])
    let open = () => {}
    maps.gate = new Promise((resolve) => {
      open = resolve
    })
    const applying = applier.apply([set(web(3))], false)
    await expect.poll(() => content(readMaps(maps))).toEqual(wanted([web(3)]))
    expect(applier.refused.map(({ reason }) => reason)).toEqual(['MapFull'])
    open()
    expect((await applying).refused).toEqual([])
    expect(content(readMaps(maps))).toEqual(wanted([web(3)]))
  })
})

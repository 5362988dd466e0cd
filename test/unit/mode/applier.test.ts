import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kpClass } from '#abi'
import { Applier } from '../../../control/mode/ebpf/applier.ts'
import { distinctRanges } from '../../../control/mode/ebpf/ledger.ts'
import { membership, unite } from '../../../control/mode/ebpf/membership.ts'
import {
  ACTIVE,
  rangeLength,
  readService,
  TERMINATING,
} from '../../../control/mode/ebpf/records.ts'
import type { ServicePort } from '../../../control/model/service-port.ts'
import { FakeMaps } from './fake-maps.ts'
import {
  backend,
  changesBetween,
  content,
  desiredState,
  list,
  port,
  remove,
  set,
  setAll,
  wanted,
  wantedRanges,
} from './ports.ts'
import {
  readBackendIds,
  readMaps,
  readMembers,
  readMembersOf,
  readRanges,
  type SeenService,
} from './reader.ts'

async function started(maps: FakeMaps): Promise<Applier> {
  const applier = new Applier(maps)
  await applier.start()
  return applier
}

/** An agent that has applied a whole desired state. */
async function applied(maps: FakeMaps, ports: readonly ServicePort[]): Promise<Applier> {
  const applier = await started(maps)
  await applier.apply(setAll(ports), true)
  await applier.settled()
  return applier
}

describe('publishing a service port', () => {
  it('shows its endpoints at every frontend under one service id', async () => {
    const maps = new FakeMaps()
    const web = port(['10.0.0.1:8080', '10.0.0.2:8080'], {
      frontends: ['10.96.0.1:80', '192.0.2.1:80'],
    })
    await applied(maps, [web])
    const seen = readMaps(maps)
    expect(content(seen)).toEqual(wanted([web]))
    expect(new Set([...seen.values()].map(({ serviceId }) => serviceId))).toEqual(new Set([1]))
  })

  it('shares one range between internal and external traffic when the endpoints are equal', async () => {
    const maps = new FakeMaps()
    const applier = await applied(maps, [
      port(['10.0.0.1:8080', '10.0.0.2:8080'], {
        external: list(['10.0.0.1:8080', '10.0.0.2:8080']),
      }),
    ])
    expect(maps.limits.slots - applier.ledger.arena.free).toBe(2)
  })

  it('makes a reused pod address with another target another backend', async () => {
    const maps = new FakeMaps()
    const applier = await applied(maps, [port(['10.0.0.1:8080=pod-a'])])
    const before = readBackendIds(maps)
    await applier.apply([set(port(['10.0.0.1:8080=pod-b']))], false)
    await applier.settled()
    const after = readBackendIds(maps)
    expect(after).toHaveLength(1)
    expect(after).not.toEqual(before)
  })

  it('takes a member row away before the grace period ends, and the backend only after it', async () => {
    const maps = new FakeMaps()
    const applier = await applied(maps, [port(['10.0.0.1:8080', '10.0.0.2:8080'])])
    let open = () => {}
    maps.gate = new Promise((resolve) => {
      open = resolve
    })
    await applier.apply([set(port(['10.0.0.2:8080']))], false)
    expect(readMembers(maps).size).toBe(1)
    expect(readBackendIds(maps)).toHaveLength(2)
    open()
    await applier.settled()
    expect(readBackendIds(maps)).toHaveLength(1)
  })

  it('never waits for a grace period when another change follows', async () => {
    const maps = new FakeMaps()
    const applier = await applied(maps, [port(['10.0.0.1:8080'])])
    const before = maps.grace
    maps.gate = new Promise(() => {})
    await applier.apply([set(port(['10.0.0.2:8080']))], false)
    await applier.apply([set(port(['10.0.0.3:8080']))], false)
    expect(content(readMaps(maps))).toEqual(wanted([port(['10.0.0.3:8080'])]))
    expect(maps.grace).toBe(before)
  })

  it('writes no slot again that a reader of an earlier record may hold', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(desiredState, { minLength: 3, maxLength: 5 }), async (states) => {
        const maps = new FakeMaps()
        const applier = await applied(maps, states[0] ?? [])
        const grace = maps.grace
        maps.gate = new Promise(() => {})
        const begin = applier.ledger.arena.free
        const held = maps.slots.slice()
        const used = usedSlots(maps)
        for (const [at, state] of states.entries()) {
          if (at > 0) await applier.apply(changesBetween(states[at - 1] ?? [], state), false)
        }
        expect(maps.grace).toBe(grace)
        expect(applier.ledger.arena.free).toBeLessThanOrEqual(begin)
        for (const slot of used) {
          const bytes = (slots: Uint8Array) => [...slots.subarray(slot * 24, slot * 24 + 24)]
          expect(bytes(maps.slots)).toEqual(bytes(held))
        }
      }),
      { numRuns: 50 },
    )
  })

  it('costs a handful of system calls for one changed endpoint', async () => {
    const maps = new FakeMaps()
    const applier = await applied(maps, [port(['10.0.0.1:8080', '10.0.0.2:8080'])])
    const report = await applier.apply([set(port(['10.0.0.1:8080', '10.0.0.3:8080']))], false)
    expect(report.syscalls).toBe(4)
  })

  it('writes removals of ready endpoints before additions', async () => {
    const maps = new FakeMaps()
    const first = port(['10.0.0.1:8080'], { name: 'a', frontends: ['10.96.0.1:80'] })
    const second = port(['10.0.0.2:8080'], { name: 'b', frontends: ['10.96.0.2:80'] })
    const applier = await applied(maps, [first, second])
    const more = port(['10.0.0.1:8080', '10.0.0.3:8080'], {
      name: 'a',
      frontends: ['10.96.0.1:80'],
    })
    const less = port([], { name: 'b', frontends: ['10.96.0.2:80'] })
    const states: string[][] = []
    maps.onWrite = () => {
      const seen = readMaps(maps, () => true)
      states.push([...seen.values()].map(({ internal }) => internal.join()))
    }
    await applier.apply([set(more), set(less)], false)
    expect(states).toContainEqual(['10.0.0.1:8080', ''])
    expect(states).not.toContainEqual(['10.0.0.1:8080,10.0.0.3:8080', '10.0.0.2:8080'])
  })

  it('has taken back what a record no longer shows before it is published, class by class', async () => {
    await fc.assert(
      fc.asyncProperty(desiredState, desiredState, async (a, b) => {
        const maps = new FakeMaps()
        const applier = await applied(maps, a)
        const before = readMaps(maps)
        const problems: string[] = []
        const check = () => {
          for (const [name, service] of readMaps(maps, () => true)) {
            const { serviceId, generation } = service
            const old = before.get(name)
            if (old?.serviceId === serviceId && old.generation === generation) continue
            const members = readMembersOf(maps, serviceId)
            if (!isDeepStrictEqual(members, membersOf(service))) {
              problems.push(`${name}: ${JSON.stringify([...members])}`)
            }
          }
        }
        // Before the write that follows a record's.
        let published = false
        maps.onWrite = (_, map) => {
          if (published) check()
          published = map === 'services'
        }
        await applier.apply(changesBetween(a, b), false)
        check()
        expect(problems).toEqual([])
      }),
    )
  })

  it('ends membership for one class of traffic where the other keeps the endpoint', async () => {
    const maps = new FakeMaps()
    const all = list(['10.0.0.1:8080', '10.0.0.2:8080'])
    const applier = await applied(maps, [port(all)])
    await applier.apply(
      [set(port(list(['10.0.0.1:8080']), { external: all, cluster: all }))],
      false,
    )
    expect(readMembersOf(maps, 1)).toEqual(
      new Map([
        ['10.0.0.1:8080', membership(ACTIVE, ACTIVE, ACTIVE)],
        ['10.0.0.2:8080', membership(0, ACTIVE, ACTIVE)],
      ]),
    )
    await applier.apply(
      [set(port(list([], ['10.0.0.2:8080']), { external: all, cluster: all }))],
      false,
    )
    expect(readMembersOf(maps, 1)).toEqual(
      new Map([
        ['10.0.0.1:8080', membership(0, ACTIVE, ACTIVE)],
        ['10.0.0.2:8080', membership(TERMINATING, ACTIVE, ACTIVE)],
      ]),
    )
    expect(await applier.verify()).toEqual([])
  })

  it('drops rather than refuses where the model says so (TR-22)', async () => {
    const maps = new FakeMaps()
    await applied(maps, [port({ active: [], terminating: [], drop: true })])
    expect([...readMaps(maps).values()].map(({ flags }) => flags)).toEqual([3])
  })

  it('hands a frontend over to its new owner without an absence', async () => {
    const maps = new FakeMaps()
    const old = port(['10.0.0.1:8080'], { name: 'old' })
    const fresh = port(['10.0.0.2:8080'], { name: 'new' })
    const applier = await applied(maps, [old])
    const counts: number[] = []
    maps.onWrite = () => counts.push(maps.rows.services.size)
    await applier.apply([set(fresh), remove(old)], false)
    expect(content(readMaps(maps))).toEqual(wanted([fresh]))
    expect(new Set(counts)).toEqual(new Set([1]))
  })
})

describe('apply', () => {
  it('ends at the desired state, from whatever state it began', async () => {
    await fc.assert(
      fc.asyncProperty(desiredState, desiredState, desiredState, async (a, b, c) => {
        const maps = new FakeMaps()
        const applier = await applied(maps, a)
        await applier.apply(changesBetween(a, b), false)
        await applier.apply(changesBetween(b, c), false)
        expect(content(readMaps(maps))).toEqual(wanted(c))
        await applier.settled()
        expect(content(readMaps(maps))).toEqual(wanted(c))
        expect([...readRanges(maps).values()].sort()).toEqual(wantedRanges(c).toSorted())
        expect(await applier.verify()).toEqual([])
        expect(maps.rows.backends.size).toBe(distinctBackends(c))
      }),
      { numRuns: 300 },
    )
  })

  it('makes no system call when nothing changed (SY-6)', async () => {
    await fc.assert(
      fc.asyncProperty(desiredState, async (state) => {
        const maps = new FakeMaps()
        const applier = await applied(maps, state)
        maps.syscalls = 0
        maps.writes = 0
        const report = await applier.apply(setAll(state), false)
        await applier.settled()
        expect(report).toEqual({ changed: 0, published: 0, removed: 0, syscalls: 0, refused: [] })
        expect([maps.syscalls, maps.writes]).toEqual([0, 0])
      }),
    )
  })

  it('never gives a service id or backend id to two things, across restarts too', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(desiredState, { minLength: 2, maxLength: 5 }), async (states) => {
        const maps = new FakeMaps()
        const owners = new Map<string, number>()
        const rowsSeen = new Map<number, string>()
        const watch = () => {
          for (const [key, [, value]] of maps.rows.backends) {
            const id = new DataView(value.buffer).getUint32(0, true)
            const text = `${key}${Buffer.from(value).toString('latin1')}`
            if ((rowsSeen.get(id) ?? text) !== text) throw new Error(`backend id ${id} used twice`)
            rowsSeen.set(id, text)
          }
        }
        maps.onWrite = watch
        for (const state of states) {
          await applied(maps, state)
          for (const [name, { serviceId }] of readMaps(maps)) {
            const service = serviceOf(name)
            const owner = owners.get(String(serviceId)) ?? service
            expect(owner).toBe(service)
            owners.set(String(serviceId), owner)
          }
          watch()
        }
      }),
      { numRuns: 50 },
    )
  })

  it('refuses SCTP by name and serves the rest', async () => {
    const maps = new FakeMaps()
    const applier = await started(maps)
    const web = port(['10.0.0.1:8080'])
    const sctp = port(['10.0.0.1:8080'], { protocol: 'SCTP', frontends: ['10.96.0.9:80'] })
    const report = await applier.apply(setAll([sctp, web]), true)
    expect(report.refused).toEqual([
      {
        key: 'default/web:http/SCTP/4',
        reason: 'Unsupported',
        message: expect.stringContaining('SCTP'),
      },
    ])
    expect(content(readMaps(maps))).toEqual(wanted([web]))
  })

  it('shows the class of each frontend, and NodePorts under the wildcard address (TR-1)', async () => {
    const maps = new FakeMaps()
    const applier = await started(maps)
    const exposed = port(['10.0.0.1:8080'], {
      frontends: ['10.96.0.1:80', 'NodePort 0.0.0.0:30080', 'LoadBalancerIP 203.0.113.7:80'],
    })
    expect((await applier.apply([set(exposed)], true)).refused).toEqual([])
    expect(content(readMaps(maps))).toEqual(wanted([exposed]))
    const classes = [...readMaps(maps)].map(([name, { frontendClass }]) => [name, frontendClass])
    expect(classes).toEqual([
      ['10.96.0.1:80/TCP', kpClass.CLUSTER_IP],
      ['0.0.0.0:30080/TCP', kpClass.NODE_PORT],
      ['203.0.113.7:80/TCP', kpClass.LOAD_BALANCER_IP],
    ])
  })

  it('rewrites a frontend whose class has changed', async () => {
    const maps = new FakeMaps()
    const frontends = ['10.96.0.1:80', 'ExternalIP 203.0.113.7:80']
    const applier = await applied(maps, [port(['10.0.0.1:8080'], { frontends })])
    const balanced = port(['10.0.0.1:8080'], {
      frontends: ['10.96.0.1:80', 'LoadBalancerIP 203.0.113.7:80'],
    })
    const report = await applier.apply([set(balanced)], false)
    expect(report.published).toBe(1)
    expect(content(readMaps(maps))).toEqual(wanted([balanced]))
  })

  it.each(['rr', 'wrr', 'lc', 'wlc', 'sed', 'nq', 'sh', 'dh', 'mh'] as const)(
    'publishes the scheduler %s, and that a Service has another one now',
    async (scheduler) => {
      const maps = new FakeMaps()
      const web = port(['10.0.0.1:8080', '10.0.0.2:8080'])
      const applier = await applied(maps, [web])
      const scheduled = { ...web, scheduler }
      expect((await applier.apply([set(scheduled)], false)).published).toBe(1)
      expect(content(readMaps(maps))).toEqual(wanted([scheduled]))
      await applier.apply([set(web)], false)
      expect(content(readMaps(maps))).toEqual(wanted([web]))
      expect(await applier.verify()).toEqual([])
    },
  )

  it('limits LoadBalancer IPs to what fits, and never to what is wanted no longer (TR-31)', async () => {
    const maps = new FakeMaps()
    maps.limits = { ...maps.limits, sourceRanges: 2 }
    const limited = (sourceRanges: readonly string[]) =>
      port(['10.0.0.1:8080'], { frontends: ['LoadBalancerIP 203.0.113.7:80'], sourceRanges })
    const applier = await applied(maps, [limited(['10.0.0.0/8', '192.0.2.0/24'])])
    const narrow = limited(['10.1.0.0/16', '10.2.0.0/16', '192.0.2.0/24'])
    const report = await applier.apply([set(narrow)], false)
    expect(report.refused.map(({ reason }) => reason)).toEqual(['MapFull'])
    await applier.settled()
    expect([...readRanges(maps).values()]).toEqual([['192.0.2.0/24']])
    await applier.apply([set(limited(['10.1.0.0/16', '192.0.2.0/24']))], false)
    await applier.settled()
    expect([...readRanges(maps).values()]).toEqual([['10.1.0.0/16', '192.0.2.0/24']])
    expect(applier.refused).toEqual([])
  })

  it('counts a source range once that goes and comes back before its row is gone', async () => {
    const maps = new FakeMaps()
    const limited = (...sourceRanges: readonly string[]) =>
      port(['10.0.0.1:8080'], { frontends: ['LoadBalancerIP 203.0.113.7:80'], sourceRanges })
    const applier = await applied(maps, [limited('10.0.0.0/8')])
    let open = () => {}
    maps.gate = new Promise((resolve) => {
      open = resolve
    })
    await applier.apply([set(limited('192.0.2.0/24'))], false)
    await applier.apply([set(limited('10.0.0.0/8'))], false)
    open()
    await applier.settled()
    expect([...readRanges(maps).values()]).toEqual([['10.0.0.0/8']])
    expect(applier.ledger.sourceRangeRows).toBe(1)
  })

  it('leaves the turn of a service that is gone behind only until a grace period is over', async () => {
    const maps = new FakeMaps()
    const web = port(['10.0.0.1:8080'], { scheduler: 'rr' })
    const applier = await applied(maps, [web])
    const key = new Uint8Array(new Uint32Array([1]).buffer)
    maps.update('turns', key, new Uint8Array(8))
    await applier.apply([remove(web)], false)
    await applier.settled()
    expect(maps.lookup('turns', key)).toBeUndefined()
  })

  it('refuses a frontend that another service port holds, and gives it when it becomes free', async () => {
    const maps = new FakeMaps()
    const holder = port(['10.0.0.1:8080'], { name: 'holder' })
    const other = port(['10.0.0.2:8080'], { name: 'other' })
    const applier = await applied(maps, [holder])
    const report = await applier.apply([set(other)], false)
    expect(report.refused.map(({ reason }) => reason)).toEqual(['FrontendTaken'])
    expect(content(readMaps(maps))).toEqual(wanted([holder]))
    await applier.apply([remove(holder)], false)
    expect(content(readMaps(maps))).toEqual(wanted([other]))
    expect(applier.refused).toEqual([])
  })

  it('leaves an endpoint with an absurd address out and says so', async () => {
    const maps = new FakeMaps()
    const applier = await started(maps)
    const report = await applier.apply([set(port(['10.0.0.300:8080', '10.0.0.2:8080']))], true)
    expect(report.refused[0]?.message).toContain('"10.0.0.300:8080"')
    expect(content(readMaps(maps))).toEqual(wanted([port(['10.0.0.2:8080'])]))
  })
})

/** Frontends of `desiredState` have the number of their service port in them. */
function serviceOf(frontend: string): number {
  const { address, port: number } = backend(frontend.replace(/\/.*/, ''))
  if (address === '0.0.0.0') return number - 30_080
  return Number(address.split('.')[address.startsWith('192.') ? 3 : 2])
}

/** What the ranges of a service make of its endpoints. */
function membersOf({ internal, cluster, external }: SeenService): Map<string, number> {
  const members = new Map<string, number>()
  const add = (text: string, one: (state: number) => number) => {
    const [endpoint = '', terminating] = text.split(' ')
    const value = one(terminating === undefined ? ACTIVE : TERMINATING)
    members.set(endpoint, unite(members.get(endpoint) ?? 0, value))
  }
  for (const text of internal) add(text, (state) => membership(state, 0, 0))
  for (const text of cluster) add(text, (state) => membership(0, state, 0))
  for (const text of external) add(text, (state) => membership(0, 0, state))
  return members
}

/** Slots that some record shows. */
function usedSlots(maps: FakeMaps): Set<number> {
  const used = new Set<number>()
  for (const [key, value] of maps.rows.services.values()) {
    const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset)
    const record = readService(view(key), 0, view(value), 0)
    for (const range of record === undefined ? [] : distinctRanges(record)) {
      for (let at = 0; at < rangeLength(range); at++) used.add(range.base + at)
    }
  }
  return used
}

function distinctBackends(ports: readonly ServicePort[]): number {
  const names = ports.flatMap(({ internal, cluster, external }) =>
    [internal, cluster, external].flatMap(({ active, terminating }) =>
      [...active, ...terminating].map(
        ({ address, port: n, targetUid }) => `${address}${n}${targetUid}`,
      ),
    ),
  )
  return new Set(names).size
}

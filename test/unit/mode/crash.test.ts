import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Applier } from '../../../control/mode/ebpf/applier.ts'
import { distinct } from '../../../control/mode/ebpf/lists.ts'
import type { ServicePort } from '../../../control/model/service-port.ts'
import { Crash, FakeBpfError, FakeMaps } from './fake-maps.ts'
import { changesBetween, content, desiredState, port, set, setAll, wanted } from './ports.ts'
import { readMaps } from './reader.ts'

async function applied(maps: FakeMaps, ports: readonly ServicePort[]): Promise<Applier> {
  const applier = new Applier(maps)
  await applier.start()
  await applier.apply(setAll(ports), true)
  await applier.settled()
  return applier
}

/** What each frontend leads to, as "address:port=target": another target is another endpoint. */
function targetsOf(ports: readonly ServicePort[]): Map<string, Set<string>> {
  const targets = new Map<string, Set<string>>()
  for (const { protocol, frontends, ...lists } of ports) {
    const endpoints = distinct(lists).flatMap((list) => [...list.active, ...list.terminating])
    const names = endpoints.map((one) => `${one.address}:${one.port}=${one.targetUid}`)
    for (const frontend of frontends) {
      targets.set(`${frontend.address}:${frontend.port}/${protocol}`, new Set(names))
    }
  }
  return targets
}

/**
 * Notes where a reader would be led astray, or sees a frontend in a state that never was asked for.
 * The last of the states is the one to come.
 */
function oldOrNew(
  problems: string[],
  ...states: (readonly ServicePort[])[]
): (maps: FakeMaps) => void {
  const allowed = states.map(
    (state) => new Map([...wanted(state)].map(([name, seen]) => [name, JSON.stringify(seen)])),
  )
  const former = states.slice(0, -1).map(targetsOf)
  const next = targetsOf(states.at(-1) ?? [])
  const isLeaving = (name: string, endpoint: string) =>
    former
      .flatMap((state) => [...(state.get(name) ?? [])])
      .some((target) => target.startsWith(`${endpoint}=`) && !next.get(name)?.has(target))
  return (maps) => {
    let seen: ReturnType<typeof content>
    try {
      seen = content(readMaps(maps, isLeaving))
    } catch (error) {
      problems.push((error as Error).message)
      return
    }
    const names = new Set([...seen.keys(), ...allowed.flatMap((state) => [...state.keys()])])
    for (const name of names) {
      const now = JSON.stringify(seen.get(name))
      if (!allowed.some((state) => state.get(name) === now)) {
        problems.push(`${name} shows ${now}, which is neither its old nor its new state`)
      }
    }
  }
}

describe('an agent that is killed between two writes', () => {
  it('leaves each frontend in its old or its new state, and the next one completes the work (P7)', async () => {
    await fc.assert(
      fc.asyncProperty(desiredState, desiredState, fc.nat(40), async (a, b, after) => {
        const maps = new FakeMaps()
        const first = await applied(maps, a)
        const problems: string[] = []
        const check = oldOrNew(problems, a, b)
        const begin = maps.writes
        maps.onWrite = (write) => {
          check(maps)
          if (write - begin >= after) throw new Crash()
        }
        await first.apply(changesBetween(a, b), false).catch(() => undefined)
        await first.settled()
        check(maps)
        maps.onWrite = () => check(maps)
        const second = await applied(maps, b)
        expect(problems).toEqual([])
        expect(content(readMaps(maps))).toEqual(wanted(b))
        expect(await second.verify()).toEqual([])
      }),
      { numRuns: 100 },
    )
  }, 30_000)

  it('may be killed again and again at the same place', async () => {
    await fc.assert(
      fc.asyncProperty(desiredState, desiredState, fc.nat(20), async (a, b, after) => {
        const maps = new FakeMaps()
        await applied(maps, a)
        const problems: string[] = []
        const check = oldOrNew(problems, a, b)
        for (let round = 0; round < 3; round++) {
          const begin = maps.writes
          maps.onWrite = (write) => {
            check(maps)
            if (write - begin >= after) throw new Crash()
          }
          const killed = new Applier(maps)
          await killed.start()
          await killed.apply(setAll(b), true).catch(() => undefined)
          await killed.stop()
        }
        maps.onWrite = () => {}
        const last = await applied(maps, b)
        expect(problems).toEqual([])
        expect(content(readMaps(maps))).toEqual(wanted(b))
        expect(await last.verify()).toEqual([])
      }),
      { numRuns: 100 },
    )
  }, 30_000)
})

describe('a write that fails (P8)', () => {
  it('fails the apply, and the same changes succeed later without a restart', async () => {
    await fc.assert(
      fc.asyncProperty(desiredState, desiredState, fc.nat(30), async (a, b, after) => {
        const maps = new FakeMaps()
        const applier = await applied(maps, a)
        const begin = maps.writes
        maps.onWrite = (write, map) => {
          if (write - begin === after) throw new FakeBpfError('EIO', map)
        }
        const changes = changesBetween(a, b)
        const failed = await applier.apply(changes, false).then(
          () => false,
          () => true,
        )
        maps.onWrite = () => {}
        if (failed) await applier.apply(changes, false)
        await applier.settled()
        expect(content(readMaps(maps))).toEqual(wanted(b))
        const state = failed ? await applier.verify() : []
        expect(state).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  it('does not let an older clean-up take away what was published again meanwhile', async () => {
    const maps = new FakeMaps()
    const applier = await applied(maps, [port(['10.0.0.1:8080', '10.0.0.2:8080'])])
    let open = () => {}
    maps.gate = new Promise((resolve) => {
      open = resolve
    })
    await applier.apply([set(port(['10.0.0.2:8080']))], false)
    maps.onWrite = (_, map) => {
      if (map === 'services') throw new FakeBpfError('EIO', map)
    }
    const back = [set(port(['10.0.0.1:8080']))]
    await expect(applier.apply(back, false)).rejects.toThrow('EIO')
    maps.onWrite = () => {}
    open()
    await applier.apply(back, false)
    await applier.settled()
    expect(content(readMaps(maps))).toEqual(wanted([port(['10.0.0.1:8080'])]))
    expect(await applier.verify()).toEqual([])
  })

  it('in a clean-up is made up for with the next apply', async () => {
    const maps = new FakeMaps()
    const applier = await applied(maps, [port(['10.0.0.1:8080', '10.0.0.2:8080'])])
    let failures = 0
    maps.onWrite = (_, map) => {
      if (map === 'backends' && failures++ === 0) throw new FakeBpfError('EIO', map)
    }
    await applier.apply([set(port(['10.0.0.2:8080']))], false)
    await applier.settled()
    expect([failures, maps.rows.backends.size]).toEqual([1, 2])
    await applier.apply([set(port(['10.0.0.2:8080']))], false)
    await applier.settled()
    expect(maps.rows.backends.size).toBe(1)
    expect(await applier.verify()).toEqual([])
  })

  it('names the map and the error', async () => {
    const maps = new FakeMaps()
    const applier = await applied(maps, [])
    maps.onWrite = (_, map) => {
      if (map === 'members') throw new FakeBpfError('EIO', map)
    }
    await expect(applier.apply([set(port(['10.0.0.1:8080']))], false)).rejects.toThrow(
      'writing map "members" failed: EIO: members',
    )
  })

  it('leaves the one service port out for which the kernel has no memory', async () => {
    const maps = new FakeMaps()
    const web = port(['10.0.0.1:8080'])
    const applier = await applied(maps, [web])
    maps.limits = { ...maps.limits, members: 1 }
    const other = port(['10.0.0.2:8080'], { name: 'other', frontends: ['10.96.0.2:80'] })
    const report = await applier.apply([set(other)], false)
    expect(report.refused.map(({ reason }) => reason)).toEqual(['MapFull'])
    expect(content(readMaps(maps))).toEqual(wanted([web]))
  })
})

import { describe, expect, it } from 'vitest'
import { Ledger } from '../../../control/mode/ebpf/ledger.ts'
import { describeOperation, type Operation } from '../../../control/mode/ebpf/operations.ts'
import { type Plan, plan } from '../../../control/mode/ebpf/plan.ts'
import { planRetirement } from '../../../control/mode/ebpf/retire.ts'
import type { ServicePortChange } from '../../../control/model/service-port.ts'
import { SMALL } from './fake-maps.ts'
import { list, port, remove, set } from './ports.ts'

const text = (operations: readonly Operation[]) => operations.flatMap(describeOperation)

function planAll(ledger: Ledger, changes: readonly ServicePortChange[]): Plan {
  const parts = [...plan(ledger, changes, { complete: false, mayRemove: true })]
  expect(parts).toHaveLength(1)
  return parts[0] as Plan
}

const web = (active: readonly string[], terminating: readonly string[] = []) =>
  port(list(active, terminating), { affinitySeconds: 10800 })

describe('the plan', () => {
  it('writes what a record needs before the record: ids, backends, members, slots', () => {
    const planned = planAll(new Ledger(SMALL), [set(web(['10.0.0.1:80', '10.0.0.2:80']))])
    expect(text(planned.operations)).toEqual([
      'meta next-service-id = 1025',
      'meta next-backend-id = 1025',
      'backend 1 = 10.0.0.1:80/TCP',
      'backend 2 = 10.0.0.2:80/TCP',
      'member 1/1 = internal active cluster active external active',
      'member 1/2 = internal active cluster active external active',
      'slot 0 = backend 1 10.0.0.1:80',
      'slot 1 = backend 2 10.0.0.2:80',
      'service 10.96.0.1:80/TCP = id 1 generation 1 internal 0+2+0 cluster 0+2+0 external 0+2+0 affinity 10800s',
    ])
  })

  it('takes a member row away before the record that no longer shows it, the backend after a grace period', () => {
    const ledger = new Ledger(SMALL)
    planAll(ledger, [set(web(['10.0.0.1:80', '10.0.0.2:80']))])
    const planned = planAll(ledger, [set(web(['10.0.0.2:80'], ['10.0.0.3:80']))])
    expect(text(planned.operations)).toEqual([
      'backend 3 = 10.0.0.3:80/TCP',
      'member 1/3 = internal terminating cluster terminating external terminating',
      'delete member 1/1',
      'slot 2 = backend 2 10.0.0.2:80',
      'slot 3 = backend 3 10.0.0.3:80',
      'service 10.96.0.1:80/TCP = id 1 generation 2 internal 2+1+1 cluster 2+1+1 external 2+1+1 affinity 10800s',
    ])
    expect(text(planRetirement(ledger, planned.retirement))).toEqual([
      'delete backend 1',
      'delete backend_stats 1',
    ])
  })

  it('turns a terminating endpoint into a change of state and of its place', () => {
    const ledger = new Ledger(SMALL)
    planAll(ledger, [set(web(['10.0.0.1:80', '10.0.0.2:80']))])
    const planned = planAll(ledger, [set(web(['10.0.0.2:80'], ['10.0.0.1:80']))])
    expect(text(planned.operations)).toEqual([
      'member 1/1 = internal terminating cluster terminating external terminating',
      'slot 2 = backend 2 10.0.0.2:80',
      'slot 3 = backend 1 10.0.0.1:80',
      'service 10.96.0.1:80/TCP = id 1 generation 2 internal 2+1+1 cluster 2+1+1 external 2+1+1 affinity 10800s',
    ])
    expect(text(planRetirement(ledger, planned.retirement))).toEqual([])
  })

  it('publishes the absence of a service before anything else of it goes', () => {
    const ledger = new Ledger(SMALL)
    planAll(ledger, [set(web(['10.0.0.1:80']))])
    const planned = planAll(ledger, [remove(web([]))])
    expect(text(planned.operations)).toEqual([
      'delete service 10.96.0.1:80/TCP',
      'delete member 1/1',
    ])
    expect(text(planRetirement(ledger, planned.retirement))).toEqual([
      'delete backend 1',
      'delete backend_stats 1',
      'delete service_stats 1',
      'delete turns 1',
    ])
  })

  it('reuses the range when only affinity or policy changes', () => {
    const ledger = new Ledger(SMALL)
    planAll(ledger, [set(port(['10.0.0.1:80']))])
    const planned = planAll(ledger, [set(web(['10.0.0.1:80']))])
    expect(text(planned.operations)).toEqual([
      'service 10.96.0.1:80/TCP = id 1 generation 2 internal 0+1+0 cluster 0+1+0 external 0+1+0 affinity 10800s',
    ])
  })

  it('writes only the new frontend of a service port that gets one more', () => {
    const ledger = new Ledger(SMALL)
    planAll(ledger, [set(port(['10.0.0.1:80']))])
    const two = port(['10.0.0.1:80'], { frontends: ['10.96.0.1:80', '192.0.2.1:80'] })
    expect(text(planAll(ledger, [set(two)]).operations)).toEqual([
      'service 192.0.2.1:80/TCP = id 1 generation 1 internal 0+1+0 cluster 0+1+0 external 0+1+0',
    ])
    expect(text(planAll(ledger, [set(port(['10.0.0.1:80']))]).operations)).toEqual([
      'delete service 192.0.2.1:80/TCP',
    ])
  })

  it('gives external traffic a range of its own when its endpoints differ', () => {
    const local = port(['10.0.0.1:80', '10.0.0.2:80'], { external: list(['10.0.0.1:80']) })
    expect(text(planAll(new Ledger(SMALL), [set(local)]).operations).slice(-4)).toEqual([
      'slot 0 = backend 1 10.0.0.1:80',
      'slot 1 = backend 2 10.0.0.2:80',
      'slot 2 = backend 1 10.0.0.1:80',
      'service 10.96.0.1:80/TCP = id 1 generation 1 internal 0+2+0 cluster 0+2+0 external 2+1+0',
    ])
  })

  it('serves many service ports in parts that each stand alone', () => {
    const many = Array.from({ length: 1100 }, (_, n) =>
      set(
        port([`10.0.0.1:${n + 1}`], {
          name: `s${n}`,
          frontends: [`10.96.${n >> 8}.${n & 255}:80`],
        }),
      ),
    )
    const ledger = new Ledger({
      ...SMALL,
      ...{ services: 2000, slots: 4000, backends: 2000, members: 2000 },
    })
    const parts = [...plan(ledger, many, { complete: true, mayRemove: true })]
    expect(parts.map(({ published }) => published)).toEqual([500, 500, 100])
  })

  it('is the same for the same ledger and changes', () => {
    const changes = [set(web(['10.0.0.1:80'], ['10.0.0.2:80']))]
    const once = planAll(new Ledger(SMALL), changes)
    expect(planAll(new Ledger(SMALL), changes)).toEqual(once)
  })
})

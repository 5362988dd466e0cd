import { beforeEach, describe, expect, it } from 'vitest'
import { Applier } from '../../../../control/mode/ebpf/applier.ts'
import { Serving } from '../../../../control/mode/ebpf/lifetime/serving.ts'
import type { ServicePort } from '../../../../control/model/service-port.ts'
import { FakeMaps } from '../fake-maps.ts'
import { backend, list, port, remove, set } from '../ports.ts'

let applier: Applier
let serving: Serving

beforeEach(async () => {
  applier = new Applier(new FakeMaps())
  await applier.start()
  serving = new Serving()
})

const udp = { protocol: 'UDP', frontends: ['10.96.0.10:53', '[fd00::10]:53'] } as const
const dns = port(list(['10.0.0.1:53'], ['10.0.0.2:53']), udp)

async function apply(value: ServicePort, complete = true): Promise<void> {
  await applier.apply([set(value)], complete)
  serving.note([set(value)], complete)
}

/** Whether flows from a frontend to a backend stay. */
function stays(to: string, frontend = '10.96.0.10:53/UDP'): boolean {
  return serving.has({ frontend, backend: to }, applier.ledger)
}

describe('flows stay (CT-1)', () => {
  it('with the address of any endpoint of the service, whichever Pod has it now', async () => {
    await apply(dns)
    expect([stays('10.0.0.1:53'), stays('10.0.0.2:53')]).toEqual([true, true])
    expect([stays('10.0.0.3:53'), stays('10.0.0.1:54')]).toEqual([false, false])
  })

  it('with endpoints that serve besides, until these go', async () => {
    await apply({ ...dns, besides: [backend('10.0.0.7:53'), backend('::ffff:10.0.0.8:53')] })
    expect([stays('10.0.0.7:53'), stays('10.0.0.8:53'), stays('10.0.0.9:53')]).toEqual([
      ...[true, true, false],
    ])
    await apply(dns, false)
    expect(stays('10.0.0.7:53')).toBe(false)
  })

  it('with endpoints that only the short-circuit may use', async () => {
    await apply({ ...dns, cluster: list(['10.0.0.1:53', '10.0.0.5:53'], ['10.0.0.6:53']) })
    expect([stays('10.0.0.5:53'), stays('10.0.0.6:53')]).toEqual([true, true])
  })

  it('at frontends that the ledger does not know', async () => {
    await apply(dns)
    expect(stays('10.0.0.3:53', '10.96.0.11:53/UDP')).toBe(true)
  })

  it('of services that an earlier agent left, and that nobody has asked for yet', async () => {
    const maps = new FakeMaps()
    const earlier = new Applier(maps)
    await earlier.start()
    await earlier.apply([set(dns)], true)
    applier = new Applier(maps)
    await applier.start()
    expect(stays('10.0.0.3:53')).toBe(true)
    await apply(dns)
    expect(stays('10.0.0.3:53')).toBe(false)
  })

  it('no longer than the service does', async () => {
    const besides = [backend('10.0.0.7:53')]
    await apply({ ...dns, besides })
    await applier.apply([remove(dns)], false)
    serving.note([remove(dns)], false)
    await apply({ ...dns, internal: list(['10.0.0.2:53']) }, false)
    expect(stays('10.0.0.7:53')).toBe(false)
    await apply({ ...dns, besides })
    serving.note([], true)
    expect(stays('10.0.0.7:53')).toBe(false)
  })
})

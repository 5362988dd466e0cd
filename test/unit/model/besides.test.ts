import { describe, expect, it } from 'vitest'
import type { Endpoint, Service } from '../../../control/source/objects.ts'
import { endpoint, node, only, service, slice } from './build.ts'

const zones = (...names: string[]) => ({ zoneHints: names })
const udp = { ports: [{ name: '', protocol: 'UDP', port: 53, nodePort: 0 }] }

/** Numbers of the endpoints besides the lists; they are numbered from 1 in the order given. */
function besides(endpoints: readonly Partial<Endpoint>[], change: Partial<Service> = {}) {
  const all = endpoints.map((one, index) => endpoint(`10.0.0.${index + 1}`, one))
  const protocol = (change.ports ?? udp.ports)[0]?.protocol ?? ''
  const port = only(
    node('a'),
    service('dns', { ...udp, ...change }),
    slice('dns-1', 'dns', all, { ports: [{ name: '', protocol, port: 8053 }] }),
  )
  return port.besides?.map(({ address }) => Number(address.split('.')[3]))
}

describe('CT-1: endpoints that serve and that new flows are kept from', () => {
  it('are none where all serve', () => {
    expect(besides([{}, {}])).toBeUndefined()
  })

  it('are those that hints leave out', () => {
    expect(besides([zones('a'), zones('b'), zones('c')])).toEqual([2, 3])
  })

  it('are those that are not ready', () => {
    expect(besides([{}, { ready: false }, { ready: false, serving: false }])).toEqual([2])
  })

  it('are those on other nodes, where the policy is Local', () => {
    const local = { internalTrafficPolicy: 'Local' } as const
    expect(besides([{ nodeName: 'n1' }, {}, { serving: false, ready: false }], local)).toEqual([2])
  })

  it('are not those that terminate, which the lists show', () => {
    expect(besides([{}, { ready: false, terminating: true }])).toBeUndefined()
  })

  it('are not asked for where flows are never ended (TR-70)', () => {
    const ports = [{ name: '', protocol: 'TCP', port: 53, nodePort: 0 }]
    expect(besides([{}, { ready: false }], { ports })).toBeUndefined()
  })
})

import { describe, expect, it } from 'vitest'
import type { KubernetesObject } from '../../../control/source/objects.ts'
import { created, desired, endpoint, modelOf, problemsOf, service, slice } from './build.ts'

/** Objects that are well formed and ask for too much: what the fuzzer and reading like an attacker have found. */

const ports = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    name: `p${index}`,
    protocol: 'TCP',
    port: index + 1,
    nodePort: 0,
  }))

const addresses = (count: number) =>
  Array.from(
    { length: count },
    (_, index) => `203.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
  )

const endpoints = (count: number) =>
  Array.from({ length: count }, (_, index) => endpoint(`10.1.${index >> 8}.${index & 255}`))

const classesOf = (object: KubernetesObject) =>
  [...desired(object).values()].map(({ frontends }) => frontends.map((one) => one.class))

describe('a Service', () => {
  it('that says it was created before the epoch, as the zero time of Go does, takes no frontend away (TR-6)', () => {
    const old = created(service('b'), 1)
    const zero = created(service('a'), -62_135_596_800)
    expect([...desired(old, zero).keys()]).toEqual(['default/b:/TCP/4'])
  })

  it('with every port there is costs no more than its ports', () => {
    // Comparing each port with every other took minutes.
    const model = modelOf(service('a', { ports: ports(65_535) }))
    expect(model.take()).toHaveLength(65_535)
    expect(model.takeAll()).toHaveLength(65_535)
    expect(model.problems()).toEqual([])
  })

  it('whose ports times addresses are more than any map holds is served at its cluster IP', () => {
    const greedy = service('a', { ports: ports(66), externalIPs: addresses(1_000) })
    expect(problemsOf(modelOf(greedy))).toEqual([
      'Service default/a: 66 ports at 1001 addresses are more than 65536 frontends, so only the cluster IP is served; remove ports or addresses',
    ])
    expect(classesOf(greedy)).toEqual(new Array(66).fill(['ClusterIP']))
    const modest = service('a', { ports: ports(65), externalIPs: addresses(1_000) })
    expect(classesOf(modest).flat()).toHaveLength(65 * 1_001)
  })

  it('whose ports times endpoints are millions is served with the ports up to there', () => {
    const many = ports(260)
    const slices = ['s1', 's2', 's3', 's4', 's5'].map((name, at) => {
      const own = Array.from({ length: 1_000 }, (_, i) => endpoint(`10.${at}.${i >> 8}.${i & 255}`))
      return slice(name, 'a', own, { ports: many })
    })
    const model = modelOf(service('a', { ports: many }), ...slices)
    expect(model.take()).toHaveLength(209)
    expect(problemsOf(model)).toEqual([
      'Service default/a: ports[name="p209"] and those after it are not served: all ports together have more than 1048576 endpoints; split the Service',
    ])
  })
})

describe('a slice', () => {
  it('whose ports times endpoints are more than a node can have is served with its first ports', () => {
    const greedy = slice('s', 'a', endpoints(1_000), { ports: ports(300) })
    const model = modelOf(service('a', { ports: ports(300) }), greedy)
    const changes = model.take()
    const served = changes.filter(
      (change) => change.type === 'set' && change.port.internal.active.length === 1_000,
    )
    expect(served).toHaveLength(262)
    expect(changes).toHaveLength(300)
    expect(problemsOf(model)).toEqual([
      'EndpointSlice default/s: 300 ports of 1000 endpoints are too many, so only the first 262 are served; split the slice',
    ])
  })
})

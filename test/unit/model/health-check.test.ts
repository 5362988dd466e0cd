import { describe, expect, it } from 'vitest'
import type { Endpoint, Service } from '../../../control/source/objects.ts'
import { endpoint, modelOf, problemsOf, remove, service, set, slice } from './build.ts'

const balanced = (change: Partial<Service> = {}): Service =>
  service('web', {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 31_234,
    loadBalancerIngress: [{ ip: '203.0.113.7', ipMode: 'VIP' }],
    ...change,
  })
const local = (address: string, change: Partial<Endpoint> = {}) =>
  endpoint(address, { nodeName: 'n1', ...change })
const entry = (localReadyEndpoints: number, family = 4) => ({
  namespace: 'default',
  name: 'web',
  family,
  port: 31_234,
  localReadyEndpoints,
})
const terminating = { ready: false, serving: true, terminating: true }

describe('a healthCheckNodePort', () => {
  it('counts distinct addresses of endpoints that are ready and here, all ports merged (HL-11)', () => {
    const ports = ['a', 'b'].map((name, index) => ({ name, protocol: 'TCP', port: 8080 + index }))
    const model = modelOf(
      balanced(),
      slice('s1', 'web', [local('10.0.0.1'), local('10.0.0.2'), endpoint('10.0.0.3')], { ports }),
      slice('s2', 'web', [local('10.0.0.2'), local('10.0.0.4', { ready: false })]),
      slice('s3', 'web', [local('10.0.0.5', terminating)]),
    )
    expect(model.healthChecks()).toEqual([entry(2)])
  })

  it('is there once for each family of the Service (HL-10)', () => {
    const dual = balanced({ clusterIPs: ['10.96.0.1', 'fd00::1'], ipFamilies: ['IPv4', 'IPv6'] })
    const six = slice('s', 'web', [local('fd00::9')], { addressType: 'IPv6' })
    expect(modelOf(dual, six).healthChecks()).toEqual([entry(0), entry(1, 6)])
  })

  it('is there before the load balancer has an address', () => {
    expect(modelOf(balanced({ loadBalancerIngress: [] })).healthChecks()).toEqual([entry(0)])
  })

  it.each<[string, Partial<Service>]>([
    ['the policy is Cluster (HL-15)', { externalTrafficPolicy: 'Cluster' }],
    ['the type is NodePort', { type: 'NodePort' }],
    ['the type is ExternalName (IN-3)', { type: 'ExternalName' }],
  ])('is not there where %s', (_, change) => {
    const model = modelOf(balanced(change))
    expect(model.healthChecks()).toEqual([])
    expect(model.problems()).toEqual([])
  })

  it.each([0, 70_000])(
    'of %i is complained of, and the Service is served',
    (healthCheckNodePort) => {
      const model = modelOf(balanced({ healthCheckNodePort }))
      expect(model.healthChecks()).toEqual([])
      expect(model.take()).toHaveLength(1)
      expect(problemsOf(model)).toEqual([
        `Service default/web: healthCheckNodePort is ${healthCheckNodePort}; externalTrafficPolicy Local needs one, from 1 to 65535`,
      ])
    },
  )
})

describe('the list of health checks', () => {
  it('is the same object until something in it changes', () => {
    const other = service('other', { clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2'] })
    const model = modelOf(balanced(), other, slice('s', 'web', [local('10.0.0.1')]))
    const first = model.healthChecks()
    model.apply(set(slice('o', 'other', [local('10.0.0.9')])))
    model.apply(set(slice('s', 'web', [local('10.0.0.2')])))
    model.take()
    expect(model.healthChecks()).toBe(first)
    model.apply(set(slice('s', 'web', [local('10.0.0.2', terminating)])))
    expect(model.healthChecks()).toEqual([entry(0)])
    model.apply(set(balanced({ externalTrafficPolicy: 'Cluster' })))
    expect(model.healthChecks()).toEqual([])
    model.apply(set(balanced()))
    expect(model.healthChecks()).toHaveLength(1)
    model.apply(remove(balanced()))
    expect(model.healthChecks()).toEqual([])
  })
})

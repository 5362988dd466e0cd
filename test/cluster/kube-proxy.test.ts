import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, connectOnce } from '../lab/index.ts'
import { Cluster } from './cluster.ts'
import { hostOf } from './host.ts'
import { KubeProxy, type KubeProxyMode } from './kube-proxy.ts'

const MODES: readonly KubeProxyMode[] = ['iptables', 'nftables']

/*
 * The measure itself: the laboratory and its control plane are good enough for the program that we
 * replace, so what fails with ours there is ours. And without any proxy nothing gets through.
 */
describe('stock kube-proxy in the laboratory', () => {
  let cluster: Cluster
  let addresses: [string, string]

  beforeAll(async () => {
    cluster = await Cluster.create()
    addresses = await cluster.addService('web')
    await cluster.addServer('c', { app: 'web' })
    await cluster.addServer('d', { app: 'web' })
    await cluster.slices('web', 4)
  })
  afterAll(() => cluster.destroy())

  test('without a proxy no connection reaches a Service address', async () => {
    for (const address of addresses)
      expect(await connectOnce(cluster.pod('client'), address, 80)).toMatchObject({ ok: false })
  })

  test.each(MODES)('in %s mode it spreads connections over both families', async (mode) => {
    const node = cluster.node('n1')
    const proxy = await KubeProxy.start(hostOf(node), {
      mode,
      kubeconfig: cluster.plane.kubeconfig('proxy'),
      nodeName: node.name,
      clusterCIDR: '10.244.0.0/16,fd00:10:244::/48',
      directory: cluster.plane.directory,
    })
    try {
      for (const place of [cluster.pod('client'), node])
        for (const address of addresses) {
          const tries = await connect(place, address, 80, { count: 40 })
          expect(tries.filter(({ ok }) => !ok)).toEqual([])
          expect(new Set(tries.map(({ server }) => server))).toEqual(new Set(['c', 'd']))
        }
    } finally {
      await proxy.stop()
    }
  })
})

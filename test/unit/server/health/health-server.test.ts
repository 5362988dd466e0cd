import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Freshness } from '../../../../control/server/health/freshness.ts'
import { Health } from '../../../../control/server/health/health.ts'
import { healthHandler } from '../../../../control/server/health/health-server.ts'
import type { Node } from '../../../../control/source/objects.ts'
import { node } from '../../model/build.ts'
import { FakeClock } from './clock.ts'

const NOW = '2026-01-01T00:00:00.000Z'
const taint = (key: string) => ({ key, value: '', effect: 'NoSchedule' })

async function serving(known: Node | undefined = node(undefined)) {
  const clock = new FakeClock()
  const health = new Health(new Freshness(['IPv4', 'IPv6'], 30_000, clock), clock)
  health.setNode(known)
  const answers: [string, number][] = []
  const server = createServer(healthHandler(health, (...answer) => void answers.push(answer)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const ask = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${port}${path}`, { method })
  const json = async (path: string) => {
    const response = await ask(path)
    return { code: response.status, body: await response.json() }
  }
  return { clock, health, ask, json, answers }
}

describe('the health server', () => {
  it('answers /healthz with the keys, their order and the headers of kube-proxy (HL-3)', async () => {
    const { health, ask } = await serving()
    health.freshness.begin()
    const response = await ask('/healthz')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    const status = { lastUpdated: NOW, healthy: true }
    expect(await response.text()).toBe(
      JSON.stringify({
        lastUpdated: NOW,
        currentTime: NOW,
        nodeEligible: true,
        healthy: true,
        status: { IPv4: status, IPv6: status },
      }),
    )
  })

  it('leaves nodeEligible out of /livez, and an empty status out of both (HL-3)', async () => {
    const { json } = await serving()
    const common = { lastUpdated: NOW, currentTime: NOW, healthy: true }
    expect(await json('/livez')).toEqual({ code: 200, body: common })
    expect(await json('/healthz')).toEqual({ code: 200, body: { ...common, nodeEligible: true } })
  })

  it('says now as lastUpdated with 200, else the newest success of a family (HL-3)', async () => {
    const { clock, health, json } = await serving()
    health.freshness.begin()
    clock.pass(10)
    health.freshness.updated(['IPv6'])
    health.freshness.queued(['IPv4'])
    clock.pass(30)
    expect((await json('/livez')).body).toMatchObject({ lastUpdated: '2026-01-01T00:00:40.000Z' })
    clock.pass(30)
    expect(await json('/livez')).toMatchObject({
      code: 503,
      body: {
        lastUpdated: '2026-01-01T00:00:10.000Z',
        currentTime: '2026-01-01T00:01:10.000Z',
        healthy: false,
        status: { IPv4: { healthy: false }, IPv6: { healthy: true } },
      },
    })
    expect((await json('/healthz')).code).toBe(503)
  })

  it('tells an ineligible node from a broken data path (HL-4)', async () => {
    const { clock, health, json } = await serving({
      ...node(undefined),
      taints: [taint('ToBeDeletedByClusterAutoscaler')],
    })
    health.freshness.begin()
    clock.pass(5)
    expect(await json('/healthz')).toMatchObject({
      code: 503,
      body: { lastUpdated: NOW, healthy: true, nodeEligible: false },
    })
    expect((await json('/livez')).code).toBe(200)
  })

  const metadata = node(undefined).metadata
  it.each<[string, Node | undefined, number]>([
    ['a node like others', node(undefined), 200],
    ['a Node object that is missing', undefined, 503],
    [
      'a node that is being deleted',
      { ...node(undefined), metadata: { ...metadata, deletionTimestamp: 1 } },
      503,
    ],
    [
      'a node that the autoscaler is about to remove',
      { ...node(undefined), taints: [taint('ToBeDeletedByClusterAutoscaler')] },
      503,
    ],
    [
      'a node with other taints, a cordon among them',
      { ...node(undefined), taints: [taint('node.kubernetes.io/unschedulable'), taint('x')] },
      200,
    ],
  ])('%s: answers /healthz as HL-5 and IN-53 say', async (_, known, code) => {
    const { health, json } = await serving(undefined)
    health.setNode(known)
    expect((await json('/healthz')).code).toBe(code)
    expect((await json('/livez')).code).toBe(200)
  })

  it('takes any method and ignores the query; other paths are not there', async () => {
    const { ask, answers } = await serving()
    for (const method of ['POST', 'HEAD', 'DELETE'])
      expect((await ask('/healthz', method)).status).toBe(200)
    expect((await ask('/livez?x=1')).status).toBe(200)
    expect((await ask('/')).status).toBe(404)
    expect(answers).toEqual([...Array(3).fill(['/healthz', 200]), ['/livez', 200]])
  })
})

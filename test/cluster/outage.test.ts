import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, type Kproxy, probe } from '../lab/index.ts'
import { Cluster, watching } from './cluster.ts'
import { waitFor } from './wait.ts'

describe('an API server that goes away', () => {
  let cluster: Cluster
  let agent: Kproxy
  let web: [string, string]

  beforeAll(async () => {
    cluster = await Cluster.create()
    web = await cluster.addService('web')
    await Promise.all(['a', 'c'].map((pod) => cluster.addServer(pod, { app: 'web' })))
    await cluster.slices('web', 4)
    agent = cluster.agent(cluster.node('n1'))
    await agent.synced()
  })
  afterAll(() => cluster.destroy())

  test('is not felt by traffic, and changes made after its return arrive (AP-22, AP-26)', async () => {
    const probers = web.map((address) => probe(cluster.pod('client'), address, 80))
    await Promise.all(probers.map((prober) => prober.met('c')))

    await cluster.plane.killApiServer()
    await waitFor('the agent notices the outage', async () => {
      const { source, health } = await agent.status()
      return (
        health === 'degraded' && source.streams.every((stream) => stream.lastError !== undefined)
      )
    })
    for (const address of web) {
      const tries = await connect(cluster.pod('client'), address, 80, { count: 20 })
      expect(tries.filter(({ ok }) => !ok)).toEqual([])
    }
    cluster.plane.startApiServer()
    await cluster.plane.ready()

    await cluster.addServer('d', { app: 'web' })
    await Promise.all(probers.map((prober) => prober.met('d', 60_000)))
    for (const prober of probers) expect(await prober.stop()).toMatchObject({ errors: {} })
    await watching(agent)
  })

  test('does not keep an agent from starting over what the last one left in the kernel', async () => {
    const prober = probe(cluster.pod('client'), web[0], 80)
    await prober.met('a')
    await agent.kill('SIGKILL')
    await cluster.plane.killApiServer()
    agent = cluster.agent(cluster.node('n1'))
    await waitFor('the new agent says that its lists are missing (IN-4)', async () => {
      const { conditions } = await agent.status()
      return conditions.some(({ type, reason }) => type === 'Synced' && reason === 'Waiting')
    })
    cluster.plane.startApiServer()
    await watching(agent)
    expect(await prober.stop()).toMatchObject({ errors: {} })
  })

  test('at the start of a fresh node is waited for (IN-4)', async () => {
    await cluster.plane.killApiServer()
    const fresh = cluster.agent(cluster.node('n2'))
    await waitFor('the fresh agent names the server that it cannot reach', async () => {
      const { source } = await fresh.status()
      return source.streams.every(({ lastError }) => lastError?.includes('ECONNREFUSED'))
    })
    cluster.plane.startApiServer()
    await watching(fresh)
    const tries = await connect(cluster.pod('far-client'), web[0], 80, { count: 20 })
    expect(tries.filter(({ ok }) => !ok)).toEqual([])
  })
})

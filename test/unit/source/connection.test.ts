import { describe, expect, it, onTestFinished } from 'vitest'
import { Connection } from '../../../control/source/kubernetes/kubeconfig.ts'
import { HttpTransport } from '../../../control/source/kubernetes/transport.ts'
import { FakeApiServer } from './fake-api-server.ts'
import { service, stage, writeKubeconfig } from './kubernetes-stage.ts'

describe('an answer in a foreign encoding', () => {
  const foreign = (verb: 'list' | 'watch') => (server: FakeApiServer) => {
    if (verb === 'list') server.watchList = 'refused'
    server.interceptors.push(({ kind, query }, response) => {
      const isWatch = query.watch === 'true'
      if (kind !== 'Service' || isWatch !== (verb === 'watch')) return false
      // Longer than what a socket takes in unasked, and never at its end.
      response.writeHead(200, { 'content-type': 'text/html' })
      response.write(`<html>${'sign in '.repeat(1 << 17)}`)
      return true
    })
    server.store.put('Service', service('a'))
  }

  it.each(['list', 'watch'] as const)('does not block the one after it (%s)', async (verb) => {
    const { server, recorder, restarts } = await stage(foreign(verb))
    await recorder.until('synced Service')
    expect(restarts.filter(({ kind }) => kind === 'Service').length).toBeGreaterThan(0)
    server.store.put('Service', service('c'))
    await recorder.until('set Service default/c')
  })
})

describe('a request that waits for a connection', () => {
  it('is given up when its signal fires', async () => {
    const server = await FakeApiServer.start()
    onTestFinished(() => server.kill())
    const connection = await Connection.open({ kubeconfig: writeKubeconfig(server.url) })
    const transport = new HttpTransport(connection, 'kproxy/test')
    onTestFinished(() => transport.close())
    const path = '/api/v1/services?watch=true&sendInitialEvents=true'
    const get = (signal: AbortSignal) => transport.get(path, 'application/json', signal)
    const first = await get(new AbortController().signal)
    const giveUp = new AbortController()
    const second = get(giveUp.signal)
    setTimeout(() => giveUp.abort(new Error('given up')), 20)
    await expect(second).rejects.toThrow('given up')
    first.discard()
    expect(await get(new AbortController().signal)).toMatchObject({ status: 200 })
  })
})

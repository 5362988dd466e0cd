import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Clock, systemClock } from '../../../control/source/kubernetes/clock.ts'
import { Connection } from '../../../control/source/kubernetes/kubeconfig.ts'
import { KubernetesSource } from '../../../control/source/kubernetes/source.ts'
import { defaultTiming, type Timing } from '../../../control/source/kubernetes/timing.ts'
import { HttpTransport } from '../../../control/source/kubernetes/transport.ts'
import type { Kind } from '../../../control/source/objects.ts'
import { FakeApiServer } from './fake-api-server.ts'
import type { StoredObject } from './fake-store.ts'
import type { Plain } from './protobuf-codec.ts'
import { Recorder } from './recorder.ts'

/** A restart as the log tells it. */
export interface Restart {
  readonly kind: Kind
  readonly reason: string
  readonly detail: string
  readonly delaySeconds: number
}

export interface Stage {
  readonly server: FakeApiServer
  readonly recorder: Recorder
  /** Waits that the streams have asked for, in milliseconds; none of them was waited for. */
  readonly delays: number[]
  readonly restarts: Restart[]
}

/** A server, and a source that reads from it. */
export async function stage(
  prepare: (server: FakeApiServer) => void = () => {},
  timing: Partial<Timing> = {},
): Promise<Stage> {
  const server = await FakeApiServer.start()
  onTestFinished(() => server.kill())
  prepare(server)
  return { server, ...(await follow(server.url, timing)) }
}

/** A source that reads from a URL; it waits for nothing between its attempts. */
export async function follow(
  url: string,
  timing: Partial<Timing> = {},
  user: Plain = {},
): Promise<Omit<Stage, 'server'>> {
  const delays: number[] = []
  const restarts: Restart[] = []
  const clock: Clock = {
    ...systemClock,
    sleep: (milliseconds, signal) => {
      delays.push(milliseconds)
      return systemClock.sleep(5, signal)
    },
  }
  const note = (fields: object) => void restarts.push(fields as Restart)
  const connection = await Connection.open({ kubeconfig: writeKubeconfig(url, user) })
  const source = new KubernetesSource({
    origin: url,
    nodeName: 'n1',
    log: { debug() {}, info: note, warn: note, error: note },
    timing: { ...defaultTiming, short: 0, ...timing },
    connect: () => new HttpTransport(connection, 'kproxy/test'),
    random: () => 0.5,
    clock,
  })
  return { recorder: await Recorder.start(source), delays, restarts }
}

/** A directory that is gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'kproxy-kubeconfig-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return directory
}

export function writeKubeconfig(url: string, user: Plain = {}): string {
  const path = join(temporaryDirectory(), 'config')
  writeFileSync(
    path,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: url } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  )
  return path
}

export function service(name: string, spec: Plain = {}, labels: Plain = {}): StoredObject {
  return {
    metadata: { name, namespace: 'default', labels },
    spec: { clusterIP: '10.96.0.1', ports: [{ port: 80 }], ...spec },
  }
}

export function slice(name: string, labels: Plain = {}): StoredObject {
  return {
    metadata: {
      name,
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': 'web', ...labels },
    },
    addressType: 'IPv4',
    ports: [{ name: '', port: 80 }],
    endpoints: [{ addresses: ['10.0.0.1'] }],
  }
}

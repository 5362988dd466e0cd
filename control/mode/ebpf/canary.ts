import { readFileSync, realpathSync } from 'node:fs'
import { createServer, connect as open, type Server } from 'node:net'
import type { Family, ServicePort, ServicePortChange } from '../../model/service-port.ts'
import { findCgroupRoot } from '../../node/cgroup.ts'
import type { CheckStatus, Refusal } from '../mode.ts'

/** Addresses for documentation (RFC 5737, RFC 3849): nobody's Service has them. */
const FRONTENDS: Readonly<Record<Family, string>> = { 4: '192.0.2.53', 6: '2001:db8::53' }
const LOOPBACK: Readonly<Record<Family, string>> = { 4: '127.0.0.1', 6: '::1' }
/** The port of the discard service. */
const PORT = 9
const DEADLINE_MS = 1000

/** Publishes or withdraws the agent's own service port. */
export type ApplyOwn = (change: ServicePortChange) => Promise<Refusal | undefined>

/**
 * Proves that the hooks work: for a moment there is a Service at an address that leads nowhere, its
 * endpoint is a listener of this process, and a connection to it must arrive here.
 */
export async function runCanary(cgroupPath: string, apply: ApplyOwn): Promise<CheckStatus[]> {
  const outside = whyOutside(cgroupPath)
  if (outside !== undefined) {
    return [{ name: 'canary', ok: true, message: `not checked: ${outside}` }]
  }
  const checks: CheckStatus[] = []
  for (const family of [4, 6] as const) checks.push(await checkFamily(family, apply))
  return checks
}

async function checkFamily(family: Family, apply: ApplyOwn): Promise<CheckStatus> {
  const name = `canary-ipv${family}`
  let server: Server
  try {
    server = await listen(LOOPBACK[family])
  } catch (error) {
    const detail = (error as Error).message
    return { name, ok: true, message: `not checked: no listener on ${LOOPBACK[family]}: ${detail}` }
  }
  const address = server.address()
  const port = canaryPort(
    family,
    typeof address === 'object' && address !== null ? address.port : 0,
  )
  try {
    const refusal = await apply({ type: 'set', key: port.key, port })
    if (refusal !== undefined) return { name, ok: true, message: `not checked: ${refusal.message}` }
    return { name, ok: true, message: await connectTo(FRONTENDS[family]) }
  } catch (error) {
    return { name, ok: false, message: (error as Error).message }
  } finally {
    server.close()
    await apply({ type: 'delete', key: port.key })
  }
}

function canaryPort(family: Family, port: number): ServicePort {
  const backend = {
    address: LOOPBACK[family],
    port,
    local: true,
    targetUid: '',
    targetName: '',
    zone: '',
  }
  const list = { active: [backend], terminating: [], drop: false }
  return {
    key: `canary/TCP/${family}`,
    namespace: '',
    name: 'canary',
    portName: '',
    protocol: 'TCP',
    family,
    frontends: [{ class: 'ClusterIP', address: FRONTENDS[family], port: PORT }],
    internal: list,
    external: list,
    cluster: list,
    internalPolicy: 'Cluster',
    externalPolicy: 'Cluster',
    affinitySeconds: 0,
    scheduler: 'random',
    sourceRanges: [],
    sourceRangesIncludeNode: false,
  }
}

function listen(host: string): Promise<Server> {
  const server = createServer((socket) => socket.end())
  server.unref()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port: 0 }, () => resolve(server))
  })
}

/** Connects and asks who is at the other end. Returns a sentence about success. */
function connectTo(host: string): Promise<string> {
  const socket = open({ host, port: PORT })
  return new Promise<string>((resolve, reject) => {
    const fail = (detail: string) =>
      reject(
        new Error(
          `a connection to the test Service ${host}:${PORT} did not arrive (${detail}); ` +
            'the hooks do not translate: see the hooks and reasons in "kproxy status"',
        ),
      )
    socket.setTimeout(DEADLINE_MS, () => fail(`no answer in ${DEADLINE_MS} ms`))
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
    socket.once('connect', () => {
      if (socket.remoteAddress === host) resolve(`connected to ${host}:${PORT}`)
      else fail(`the socket says its peer is ${socket.remoteAddress}`)
    })
  }).finally(() => socket.destroy())
}

/** Why this process is not served by the hooks of a cgroup; undefined where it is. */
function whyOutside(cgroupPath: string): string | undefined {
  const root = findCgroupRoot(readFileSync('/proc/self/mountinfo', 'utf8'))
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]
  if (root === undefined || own === undefined) return undefined
  const place = own === '/' ? root : `${root}${own}`
  const served = realpathSync(cgroupPath)
  if (place === served || place.startsWith(served.endsWith('/') ? served : `${served}/`)) {
    return undefined
  }
  return (
    `the agent runs in cgroup ${place}, outside of ${served}, so its own connections do not pass ` +
    'the hooks; start it inside to have them checked'
  )
}

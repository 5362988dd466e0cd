import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type Place, type Pod, probe, type Transport } from '../index.ts'
import { heading, median, must, step, tally } from './report.ts'
import type { Stage } from './stage.ts'

const families = { IPv4: 0, IPv6: 1 } as const

/** ClusterIPs of the examples, IPv4 and IPv6. */
const web = ['10.96.0.10', 'fd00:10:96::10'] as const
const dns = ['10.96.0.53', 'fd00:10:96::53'] as const

interface Visit {
  readonly service: string
  readonly addresses: readonly [string, string]
  readonly port: number
  readonly transport: Transport
  readonly servers: readonly string[]
}

/** Pods and nodes connect to both Services, in both families. */
export async function visitServices(stage: Stage): Promise<void> {
  const { lab } = stage
  const clients: [string, Place][] = [
    ['pod client on n1', lab.node('n1').pod('client')],
    ['pod client-2 on n2', lab.node('n2').pod('client-2')],
    ['node n1 itself', lab.node('n1')],
  ]
  const visits: [string, Visit][] = [
    [
      `TCP to Service web, ${web[0]}:80 and [${web[1]}]:80`,
      { service: 'web', addresses: web, port: 80, transport: 'tcp', servers: ['web-1', 'web-2'] },
    ],
    [
      `UDP to Service dns, ${dns[0]}:53 and [${dns[1]}]:53`,
      { service: 'dns', addresses: dns, port: 53, transport: 'udp', servers: ['dns-1', 'dns-2'] },
    ],
  ]
  for (const [title, visit] of visits) {
    heading(title)
    for (const [who, place] of clients) {
      for (const family of ['IPv4', 'IPv6'] as const) {
        await step(`${who}, ${family}`, () => visitOne(place, visit, family))
      }
    }
  }
}

async function visitOne(place: Place, visit: Visit, family: 'IPv4' | 'IPv6'): Promise<string> {
  const address = visit.addresses[families[family]]
  const tries = await connect(place, address, visit.port, {
    transport: visit.transport,
    count: 40,
  })
  const failed = tries.find((one) => !one.ok)
  must(failed === undefined, `${failed?.stage} failed with ${failed?.errno}`)
  const servers = tries.map((one) => one.server)
  const strangers = servers.filter((server) => !visit.servers.includes(server))
  must(strangers.length === 0, `answered by ${strangers[0]}, no endpoint of ${visit.service}`)
  for (const server of visit.servers) {
    must(servers.includes(server), `40 tries and never ${server}`)
  }
  const shown = visit.transport === 'tcp' ? 'peername' : 'from'
  const endpoint = family === 'IPv6' ? `[${address}]:${visit.port}` : `${address}:${visit.port}`
  must(
    tries.every((one) => one[shown] === endpoint),
    `the client was shown ${tries[0]?.[shown]}, not ${endpoint}`,
  )
  const what = visit.transport === 'tcp' ? 'connect' : 'round trip'
  return `${tally(servers).padEnd(22)} ${what} ${median(tries.map((one) => one.us))} us`
}

/** Scales web up and down while clients of both nodes connect. */
export async function scale(stage: Stage): Promise<void> {
  const { lab, agents } = stage
  const pod = (node: string, name: string) => lab.node(node).pod(name)
  const examplePods = [pod('n1', 'web-1'), pod('n2', 'web-2')]
  const third = pod('n2', 'web-3')
  const client = pod('n1', 'client')
  const programmed = (pods: readonly Pod[]) =>
    Promise.all(agents.map((agent) => agent.serves('default/web', pods)))
  const rate = 500
  heading(`Scaling web while two pods connect ${rate} times a second each`)
  const probers = [
    probe(client, web[0], 80, { rate }),
    probe(pod('n2', 'client-2'), web[1], 80, { rate }),
  ]
  await Promise.all(probers.map((prober) => prober.met('web-1')))
  /** Each state gets its share of connections. */
  const goOn = () => sleep(500)
  await step('2 pods -> 3 pods', async () => {
    const start = performance.now()
    stage.scaleWeb([...examplePods, third])
    await Promise.all(probers.map((prober) => prober.met('web-3')))
    const elapsed = performance.now() - start
    await goOn()
    return `web-3 answers on both nodes ${elapsed.toFixed(0)} ms after the file changed`
  })
  await step('3 pods -> 1 pod', async () => {
    stage.scaleWeb([third])
    await programmed([third])
    const tries = await connect(client, web[0], 80, { count: 40 })
    const servers = tally(tries.map((one) => one.server))
    await goOn()
    must(servers === 'web-3 x40', `still answered by ${servers}`)
    return `new connections: ${servers}`
  })
  await step('connections of the two pods', async () => {
    const summaries = await Promise.all(probers.map((prober) => prober.stop()))
    const tries = summaries.reduce((sum, summary) => sum + summary.tries, 0)
    const ok = summaries.reduce((sum, summary) => sum + summary.ok, 0)
    must(ok === tries, `${tries - ok} of ${tries} failed: ${JSON.stringify(summaries)}`)
    return `${tries}, none failed`
  })
  await step('1 pod -> none', async () => {
    stage.scaleWeb([])
    await programmed([])
    const [first] = await connect(client, web[0], 80)
    must(first?.errno === 'ECONNREFUSED', `connect() gave ${JSON.stringify(first)}`)
    return `refused after ${first.us} us, without a timeout`
  })
  await step('none -> 2 pods', async () => {
    stage.scaleWeb(examplePods)
    await programmed(examplePods)
    const servers = ['web-1', 'web-2']
    const visit = { service: 'web', addresses: web, port: 80, transport: 'tcp', servers } as const
    return visitOne(client, visit, 'IPv6')
  })
}

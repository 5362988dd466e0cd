import { forEachInFlight } from '../cluster/api.ts'
import type { Kproxy } from '../lab/index.ts'
import { absolute, BASE, NULL_ARM, tail } from './connect.ts'
import { type Arm, type LoadOptions, PORTS, runLoad } from './load.ts'
import {
  ACCEPT_PORT,
  type BackendPod,
  NAMESPACE,
  removeObject,
  SERVICE_PORT,
  SERVICES,
  type ServiceShape,
  SLICES,
  serviceObject,
  sliceObject,
} from './objects.ts'
import type { Goal, Measurement } from './results.ts'
import type { Rig } from './rig.ts'
import { type Run, ratio } from './slices.ts'

const ENDPOINTS = 10
/** All are addresses of one pod, so that a choice that never changes meets the same server. */
const BACKEND = 'ten'
/**
 * Last part of the first one's address, past those of pods. Each choice has endpoints of its own, for
 * the kernel counts connections by endpoint, whatever Service led there.
 */
const FIRST_ADDRESS = 101

const NODE_PORT = 30_080
/** From TEST-NET-3: no other route leads there. */
const BALANCER_ADDRESS = '203.0.113.1'
/** Holds the pods of all nodes. */
const SOURCE_RANGE = '10.244.0.0/16'

/** One endpoint alone, without a proxy: what it means for a connection that the target never changes. */
const ONE_ARM = 'direct, one endpoint'

const GOAL: Goal = { kind: 'at most', limit: 1.03 }

/** A way to a backend. */
interface Choice {
  readonly name: string
  readonly service: Pick<ServiceShape, 'annotations' | 'spec'>
  readonly scheduler?: string
  /** Whether one client always comes to the same endpoint. */
  readonly isFixed?: boolean
  /** Where the client connects to; the cluster IP unless told. */
  readonly frontend?: 'NodePort' | 'LoadBalancer'
  readonly goal?: Goal
}

const scheduled = (scheduler: string, isFixed = false): Choice => ({
  name: scheduler,
  service: { annotations: { 'kproxy.dev/scheduler': scheduler } },
  scheduler,
  isFixed,
  goal: GOAL,
})

/** Schedulers that differ in the data path: wrr is rr there, and wlc, sed and nq are lc. */
const CHOICES: readonly Choice[] = [
  scheduled('random'),
  scheduled('rr'),
  scheduled('lc'),
  scheduled('sh', true),
  scheduled('dh', true),
  scheduled('mh'),
  {
    name: 'ClientIP affinity',
    service: { spec: { sessionAffinity: 'ClientIP' } },
    isFixed: true,
    goal: GOAL,
  },
  { name: 'NodePort', service: { spec: { type: 'NodePort' } }, frontend: 'NodePort' },
  {
    name: 'LoadBalancer IP with source ranges',
    service: {
      spec: {
        type: 'LoadBalancer',
        allocateLoadBalancerNodePorts: false,
        loadBalancerSourceRanges: [SOURCE_RANGE],
      },
    },
    frontend: 'LoadBalancer',
  },
]

/**
 * P14: what each way of choosing an endpoint adds to connect(), through Services of ten endpoints that
 * are there for this only. All of kproxy's arms are in one pod: there they differ in nothing else.
 *
 * @throws Error where a Service did not choose as it was told to: its arm would measure something else
 */
export async function measureChoices(rig: Rig, restMs: number, options: LoadOptions): Promise<Run> {
  await giveAddresses(rig)
  const { agent } = rig
  if (agent === undefined) throw new Error('kproxy does not run')
  try {
    await forEachInFlight(CHOICES, (choice) => create(rig, choice))
    await Promise.all(CHOICES.map((choice) => programmed(agent, choice)))
    await rig.settle(restMs)
    const run = await runLoad('connect', arms(rig), options)
    await Promise.all(CHOICES.map((choice) => proveChoice(agent, choice)))
    return run
  } finally {
    await remove(rig)
  }
}

export function choiceResults(run: Run, size: number): Measurement[] {
  const about = { id: 'P14', size } as const
  const compared = (arm: string, goal?: Goal): Measurement[] => [
    {
      ...about,
      arm,
      metric: 'connect() p50 / direct',
      unit: 'ratio',
      ...ratio(run, arm, BASE),
      goal,
    },
    absolute(run, arm, about),
    tail(run, arm, about),
  ]
  return [
    absolute(run, BASE, about),
    ...compared(NULL_ARM),
    ...compared(ONE_ARM),
    ...CHOICES.flatMap(({ name, goal }) => compared(name, goal)),
  ]
}

/** The endpoints of a choice. */
function endpointsOf(rig: Rig, choice: Choice): BackendPod[] {
  const { addresses, node } = rig.lab.node('backends').pod(BACKEND)
  const prefix = addresses.ipv4.replace(/\d+$/, '')
  const first = CHOICES.indexOf(choice) * ENDPOINTS
  return Array.from({ length: ENDPOINTS }, (_, n) => ({
    name: `${BACKEND}-${first + n}`,
    address: `${prefix}${FIRST_ADDRESS + first + n}`,
    nodeName: node.name,
  }))
}

/** Gives the backend's pod the addresses of all endpoints. */
async function giveAddresses(rig: Rig): Promise<void> {
  const pod = rig.lab.node('backends').pod(BACKEND)
  const addresses = CHOICES.flatMap((choice) => endpointsOf(rig, choice)).map(
    ({ address }) => address,
  )
  const batch = (line: (address: string) => string) => ({
    input: addresses.map((address) => `${line(address)}\n`).join(''),
  })
  const command = ['ip', '-batch', '-']
  await pod.exec(
    command,
    batch((address) => `addr replace ${address}/32 dev eth0`),
  )
  await pod.node.exec(
    command,
    batch((address) => `route replace ${address}/32 dev veth${pod.number}`),
  )
}

function arms(rig: Rig): Arm[] {
  const targets = endpointsOf(rig, CHOICES[0] as Choice).map(({ address }) => address)
  const port = PORTS.accept
  const place = rig.pod('kproxy', 'service')
  return [
    { name: BASE, place: rig.pod('bare', 'direct'), targets, port },
    { name: NULL_ARM, place: rig.pod('bare', 'null'), targets, port },
    { name: ONE_ARM, place: rig.pod('bare', 'direct'), targets: targets.slice(0, 1), port },
    ...CHOICES.map((choice) => {
      const { address, port } = frontendOf(rig, choice)
      return { name: choice.name, place, targets: [address], port }
    }),
  ]
}

function frontendOf(rig: Rig, choice: Choice): { address: string; port: number } {
  switch (choice.frontend) {
    case 'NodePort':
      return { address: rig.lab.node('kproxy').addresses.ipv4, port: NODE_PORT }
    case 'LoadBalancer':
      return { address: BALANCER_ADDRESS, port: SERVICE_PORT }
    default:
      return { address: shape(choice).address, port: SERVICE_PORT }
  }
}

function shape(choice: Choice): ServiceShape {
  const number = CHOICES.indexOf(choice) + 1
  const nodePort = choice.frontend === 'NodePort' ? { nodePort: NODE_PORT } : {}
  return {
    name: `choice-${number}`,
    address: `10.96.3.${number}`,
    ports: [{ ...ACCEPT_PORT, ...nodePort }],
    ...choice.service,
  }
}

async function create(rig: Rig, choice: Choice): Promise<void> {
  const { client } = rig.plane
  const service = shape(choice)
  await client.create(SERVICES, serviceObject(service))
  await client.create(SLICES, sliceObject(service, service.name, endpointsOf(rig, choice)))
  if (choice.frontend !== 'LoadBalancer') return
  await client.patch(`${SERVICES}/${service.name}/status`, {
    status: { loadBalancer: { ingress: [{ ip: BALANCER_ADDRESS }] } },
  })
}

async function remove(rig: Rig): Promise<void> {
  const { client } = rig.plane
  await forEachInFlight(CHOICES, async (choice) => {
    const { name } = shape(choice)
    await removeObject(client, `${SERVICES}/${name}`)
    await removeObject(client, `${SLICES}/${name}`)
  })
}

const keyOf = (choice: Choice) => `${NAMESPACE}/${shape(choice).name}`

/** Waits until the kernel has a Service with all that makes it different. */
function programmed(agent: Kproxy, choice: Choice): Promise<void> {
  const { service, frontend, scheduler = 'random' } = choice
  return agent.programmed(keyOf(choice), (detail) => {
    if (detail?.readyEndpoints !== ENDPOINTS || detail.scheduler !== scheduler) return false
    if (detail.affinitySeconds > 0 !== (service.spec?.sessionAffinity === 'ClientIP')) return false
    if (frontend === 'NodePort') return detail.ports.some(({ nodePort }) => nodePort === NODE_PORT)
    if (frontend !== 'LoadBalancer') return true
    return detail.externalIPs.includes(BALANCER_ADDRESS) && detail.sourceRanges.length > 0
  })
}

/** By the counters of the kernel: all endpoints were reached, or one alone where the choice is fixed. */
async function proveChoice(agent: Kproxy, choice: Choice): Promise<void> {
  const detail = await agent.service(keyOf(choice))
  const reached = detail?.endpoints.filter(({ connections }) => connections > 0).length
  const wanted = choice.isFixed ? 1 : ENDPOINTS
  if (reached !== wanted) {
    throw new Error(`${choice.name} led to ${reached} of ${ENDPOINTS} endpoints, not ${wanted}`)
  }
}

import { kpCidr } from '#abi'
import {
  AddressWatcher,
  BpfError,
  BpfObject,
  type InterfaceAttachType,
  interfaceAddresses,
  networkInterfaces,
  runIterator,
} from '#addon'
import type { NodeIPs } from '../../../model/node-ips.ts'
import type { CheckStatus, HookStatus, MapStatus } from '../../mode.ts'
import { pinnedSizes } from '../load.ts'
import { EDGE_MAPS, PINNED_MAPS, type PinDirectory } from '../pins.ts'
import { defaultRoutes } from './default-routes.ts'
import { dropPinnedLink, EDGE_HOOKS, EdgeLinks, pinnedEdgeLinks } from './edge-links.ts'
import { podCidrRows, uplinkRows } from './edge-rows.ts'
import { chooseUplinks, NO_UPLINKS, type Uplink } from './uplinks.ts'

export interface EdgeOptions {
  /** build/bpf/edge.bpf.o */
  readonly objectPath: string
  /** See `UplinkInputs.wanted`; the word `none`: the plane is off. */
  readonly uplinks: readonly string[]
  /** Answered flows; each takes two entries. */
  readonly maxFlows: number
  /**
   * Seconds without a packet after which TCP flows are forgotten (kube-proxy's `conntrack` settings);
   * 0: as in nf_conntrack.
   */
  readonly tcpEstablishedSeconds: number
  readonly tcpHalfClosedSeconds: number
  /** As these, of UDP flows that nobody has answered, and of others. */
  readonly udpSeconds: number
  readonly udpStreamSeconds: number
}

interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

const PROGRAMS: Readonly<Record<InterfaceAttachType, string>> = {
  tcx_ingress: 'edge_ingress',
  tcx_egress: 'edge_egress',
}

/** nf_conntrack_tcp_timeout_established and _close_wait, nf_conntrack_udp_timeout and _stream */
const KERNEL_ESTABLISHED_SECONDS = 432_000
const KERNEL_HALF_CLOSED_SECONDS = 60
const KERNEL_UDP_SECONDS = 30
const KERNEL_UDP_STREAM_SECONDS = 120

/** How often idle flows are looked for, in milliseconds. */
const SWEEP_MS = 15_000

/** The tables of flows. */
const SWEPT = ['half_open', 'established'] as const

/** Maps that are never full: what was not used for longest goes, or there is one row anyway. */
const NEVER_FULL: ReadonlySet<string> = new Set(['half_open', 'fragments', 'flow_ports'])

/** Of unanswered flows for each that may be answered: a flood pushes out no more than these. */
const HALF_OPEN_SHARE = 1 / 4

/**
 * Traffic to Services from outside the node: programs at the uplinks, which come and go. Nothing here is
 * worth ending the agent for; what cannot be is said by {@link check}, and the socket plane serves on.
 */
export class EdgePlane {
  readonly #options: EdgeOptions
  readonly #pins: PinDirectory
  readonly #log: Log
  #object: BpfObject | undefined
  #links: EdgeLinks | undefined
  #watcher: AddressWatcher | undefined
  #sweeper: NodeJS.Timeout | undefined
  #sweeping: Promise<void> | undefined
  #uplinks: readonly Uplink[] = []
  #problems: readonly string[] = []
  #nodeIPs: NodeIPs | undefined
  readonly #counts = new Map<string, number>()
  #podCIDRs: readonly string[] | undefined

  constructor(options: EdgeOptions, pins: PinDirectory, log: Log) {
    this.#options = options
    this.#pins = pins
    this.#log = log
  }

  /** Never throws: without the edge plane the node still serves its own clients. */
  start(): void {
    if (this.#options.uplinks.includes(NO_UPLINKS)) {
      for (const path of pinnedEdgeLinks(this.#pins)) dropPinnedLink(path)
      return
    }
    try {
      const object = this.#load()
      this.#object = object
      this.#links = new EdgeLinks(this.#pins, (hook) => object.program(PROGRAMS[hook]))
      this.#watcher = new AddressWatcher(() => this.#refresh())
    } catch (error) {
      this.#say([`traffic from outside is not served: ${messageOf(error)}`])
      return
    }
    this.#refresh()
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref()
  }

  /** Takes in what the Node says. @param podCIDRs by which pods can be told (TR-50) */
  async adapt(nodeIPs: NodeIPs, podCIDRs: readonly string[]): Promise<void> {
    this.#nodeIPs = nodeIPs
    this.#refresh()
    if (this.#object === undefined || podCIDRs.join() === this.#podCIDRs?.join()) return
    const map = this.#object.map('pod_cidrs')
    const rows = podCidrRows(podCIDRs)
    for (const { key, value } of rows) map.update(key, value)
    const wanted = new Set(rows.map(({ key }) => key.toString()))
    const { keys, count } = await map.entries()
    for (let at = 0; at < count; at++) {
      const key = keys.subarray(at * kpCidr.size, (at + 1) * kpCidr.size)
      if (!wanted.has(key.toString())) map.delete(key)
    }
    this.#podCIDRs = podCIDRs
  }

  hooks(): HookStatus[] {
    const { object, links } = { object: this.#object, links: this.#links }
    if (object === undefined || links === undefined) return []
    return this.#uplinks.flatMap(({ index, name: device, why }) =>
      EDGE_HOOKS.map((hook) => {
        const { id, runCount, runTimeNs } = object.program(PROGRAMS[hook]).info
        return {
          ...{ name: hook, device, why, programId: id },
          attached: links.isAttached(hook, index),
          ...(runTimeNs > 0n ? { runCount: Number(runCount) } : {}),
        }
      }),
    )
  }

  /** Attaches again what somebody detached, and follows routes; a sentence for each repair. */
  repair(): string[] {
    const lost = this.hooks().filter(({ attached }) => !attached)
    this.#refresh()
    return lost.map(({ name, device }) => `hook ${name} of ${device}: the program was not attached`)
  }

  check(): CheckStatus {
    const name = 'edge'
    const minor = true
    if (this.#options.uplinks.includes(NO_UPLINKS)) {
      return {
        name,
        ok: true,
        minor,
        message: 'off: traffic from outside is not served (--uplinks auto serves it)',
      }
    }
    if (this.#problems.length > 0)
      return { name, ok: false, minor, message: this.#problems.join('; ') }
    const places = this.#uplinks.map((one) => `${one.name} (${one.why})`).join(', ')
    return { name, ok: true, minor, message: `traffic from outside at ${places}` }
  }

  /** Flows are those that the last sweep has counted. */
  async maps(): Promise<MapStatus[]> {
    const object = this.#object
    if (object === undefined) return []
    return Promise.all(
      EDGE_MAPS.map(async (name) => {
        const map = object.map(name)
        const { maxEntries, memory } = map.info
        const isSwept = SWEPT.some((one) => one === name)
        const entries = isSwept ? (this.#counts.get(name) ?? 0) : (await map.entries()).count
        return { name, entries, maxEntries, canFill: !NEVER_FULL.has(name), memoryBytes: memory }
      }),
    )
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweeper)
    this.#watcher?.close()
    await this.#sweeping
    this.#links?.close()
    this.#object?.close()
    this.#object = undefined
    this.#links = undefined
  }

  #load(): BpfObject {
    const { objectPath, maxFlows, ...seconds } = this.#options
    const names = [...PINNED_MAPS, ...EDGE_MAPS]
    const sizes = {
      established: 2 * maxFlows,
      half_open: Math.ceil(2 * maxFlows * HALF_OPEN_SHARE),
    }
    return BpfObject.load(objectPath, {
      pins: Object.fromEntries(names.map((name) => [name, this.#pins.map(name)])),
      maxEntries: { ...sizes, ...pinnedSizes(this.#pins, names) },
      constants: {
        tcp_established_seconds: seconds.tcpEstablishedSeconds || KERNEL_ESTABLISHED_SECONDS,
        tcp_half_closed_seconds: seconds.tcpHalfClosedSeconds || KERNEL_HALF_CLOSED_SECONDS,
        udp_unanswered_seconds: seconds.udpSeconds || KERNEL_UDP_SECONDS,
        udp_answered_seconds: seconds.udpStreamSeconds || KERNEL_UDP_STREAM_SECONDS,
      },
    })
  }

  /** Attaches to the uplinks that there are now, and to no others. */
  #refresh(): void {
    const { object, links } = { object: this.#object, links: this.#links }
    if (object === undefined || links === undefined) return
    try {
      const { uplinks, problems } = chooseUplinks({
        wanted: this.#options.uplinks,
        interfaces: networkInterfaces(),
        addresses: interfaceAddresses(),
        defaultRoutes: defaultRoutes(),
        nodeIPs: this.#nodeIPs,
      })
      const failures: string[] = []
      const served: Uplink[] = []
      for (const { key, value } of uplinkRows(uplinks)) object.map('uplinks').update(key, value)
      for (const uplink of uplinks) {
        try {
          links.attach(uplink.index)
          served.push(uplink)
        } catch (error) {
          failures.push(`uplink "${uplink.name}": ${explained(error)}`)
        }
      }
      links.keep(uplinks.map(({ index }) => index))
      this.#note(served)
      this.#say([...problems, ...failures])
    } catch (error) {
      this.#say([`the interfaces cannot be followed: ${messageOf(error)}`])
    }
  }

  #note(uplinks: readonly Uplink[]): void {
    const text = (list: readonly Uplink[]) => list.map(({ name, why }) => `${name} (${why})`)
    const isNews = text(uplinks).join() !== text(this.#uplinks).join()
    this.#uplinks = uplinks
    if (isNews) this.#log.info({ uplinks: text(uplinks) }, 'traffic from outside is served')
  }

  #say(problems: readonly string[]): void {
    const former = new Set(this.#problems)
    this.#problems = problems
    for (const problem of problems) if (!former.has(problem)) this.#log.warn({}, problem)
  }

  #sweep(): void {
    const object = this.#object
    if (object === undefined || this.#sweeping !== undefined) return
    const run = async () => {
      for (const name of SWEPT) {
        const kept = await runIterator(object.program('sweep_flows'), { map: object.map(name) })
        this.#counts.set(name, kept.length)
      }
    }
    this.#sweeping = run()
      .catch((error) => this.#say([`idle flows cannot be looked for: ${messageOf(error)}`]))
      .finally(() => {
        this.#sweeping = undefined
      })
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

function explained(error: unknown): string {
  if (error instanceof BpfError && error.code === 'EINVAL') {
    return `${error.message}: the kernel has no tcx, which came with 6.6`
  }
  return messageOf(error)
}

import { existsSync } from 'node:fs'
import { kpMeta, kpSetting } from '#abi'
import type { BpfObject, FileLock } from '#addon'
import { type NodePortOptions, nodePortAddresses } from '../../model/node-addresses.ts'
import type { NodeIPs } from '../../model/node-ips.ts'
import type { ServicePortChange } from '../../model/service-port.ts'
import { NodeAddresses } from '../../node/addresses.ts'
import type {
  ApplyReport,
  CheckStatus,
  Environment,
  MapStatus,
  Mode,
  ModeStatus,
  PatrolReport,
  ServicePortCounters,
} from '../mode.ts'
import { AddressKeeper } from './address-keeper.ts'
import { readMeta } from './adopt.ts'
import { Applier } from './applier.ts'
import { BpfKernelMaps } from './bpf-maps.ts'
import { runCanary } from './canary.ts'
import { readCounters, readReasons } from './counters.ts'
import { type EdgeOptions, EdgePlane } from './edge/edge-plane.ts'
import { Hooks } from './hooks.ts'
import { Lifetime } from './lifetime/lifetime.ts'
import { loadObject, writeMeta } from './load.ts'
import { lockCgroup, PINNED_MAPS, PinDirectory } from './pins.ts'
import { preflight } from './preflight.ts'

/** The part of a logger that is used here. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface EbpfModeOptions {
  /** The compiled programs, build/bpf/socket.bpf.o. */
  readonly objectPath: string
  /** The compiled programs that end sockets, build/bpf/lifetime.bpf.o. */
  readonly lifetimePath: string
  /** Traffic from outside the node; undefined: not served, and what is pinned of it left alone. */
  readonly edge?: EdgeOptions
  /** Root of the node's cgroup v2 tree. */
  readonly cgroupPath: string
  /** This node's own directory on a bpf file system. No dots in it: bpffs allows none in names. */
  readonly pinDir: string
  readonly nodeName: string
  /** Most frontends. */
  readonly maxServices: number
  /** Most endpoints, counted once for each service port that has them. */
  readonly maxEndpoints: number
  /** At which addresses NodePorts are served (TR-40 to TR-45). */
  readonly nodePorts: NodePortOptions
  readonly log: Log
}

/**
 * Rows that the patrol reads back in a period: some 10 ms of CPU in 30 s. At 10,000 Services of 10 endpoints it is round
 * once in an hour.
 */
const PATROL_ROWS = 2_048

/** A check that is older is made again when somebody asks. */
const CANARY_VALID_MS = 30_000

/** Everything that exists between start and stop. */
interface Running {
  /** Of the pinned state and of the cgroup. */
  readonly locks: readonly FileLock[]
  readonly object: BpfObject
  readonly maps: BpfKernelMaps
  readonly applier: Applier
  readonly hooks: Hooks
  readonly addressKeeper: AddressKeeper
  readonly nodeAddresses: NodeAddresses
  readonly lifetime: Lifetime
  readonly edge: EdgePlane | undefined
}

/**
 * The socket plane: BPF programs at the node's cgroup translate connections as they are made, and
 * this class keeps their maps. All of it is pinned and works on without the agent.
 *
 * Hooks are attached at start, after the maps were read back and before the first apply: over empty
 * maps they change nothing, over restored ones an upgrade takes effect at once, and every problem of
 * attaching shows before Services depend on it.
 */
export class EbpfMode implements Mode {
  readonly name = 'ebpf'
  readonly #options: EbpfModeOptions
  #running: Running | undefined
  #checks: readonly CheckStatus[] = []
  #checkedAt = Number.NEGATIVE_INFINITY
  #checking: Promise<void> | undefined
  #applied = false
  #nodeIPs: NodeIPs | undefined
  #detectsLocal: Environment['detectsLocal'] = { 4: false, 6: false }
  #settings: number | undefined

  constructor(options: EbpfModeOptions) {
    this.#options = options
  }

  /** @throws PreflightError with what to do; nothing that worked before is touched */
  async start(): Promise<void> {
    const { objectPath, cgroupPath, pinDir, log } = this.#options
    preflight(cgroupPath, pinDir)
    const pins = new PinDirectory(pinDir)
    const locks: FileLock[] = []
    let object: BpfObject | undefined
    try {
      /* An agent that is refused makes no directory. */
      const isNew = !existsSync(pinDir)
      if (!isNew) locks.push(pins.lock())
      locks.push(lockCgroup(cgroupPath))
      pins.create()
      if (isNew) locks.push(pins.lock())
      object = loadObject(objectPath, pins, this.#options)
      this.#warnOfSizes(object)
      const maps = new BpfKernelMaps(object)
      const applier = new Applier(maps)
      await applier.start()
      const { ledger } = applier
      writeMeta(object.map('meta'), kpMeta.GENERATION, ledger.generation + 1)
      for (const [frontend, problem] of ledger.invalid) {
        log.warn({ frontend, problem }, 'restored record is unusable; the first sync replaces it')
      }
      const hooks = new Hooks(cgroupPath, pins, object)
      hooks.attach()
      const addressKeeper = new AddressKeeper(maps)
      const nodeAddresses = this.#followAddresses()
      const lifetime = new Lifetime({
        objectPath: this.#options.lifetimePath,
        pins,
        ledger: () => applier.ledger,
        log,
      })
      const edge = this.#startEdge(pins)
      this.#running = {
        ...{ locks, object, maps, applier, hooks, addressKeeper, nodeAddresses, lifetime, edge },
      }
      const restored = ledger.unclaimed.size
      log.info({ restored, generation: ledger.generation + 1, pinDir }, 'programs attached')
    } catch (error) {
      object?.close()
      for (const lock of locks) lock.release()
      throw error
    }
  }

  async apply(changes: readonly ServicePortChange[], complete: boolean): Promise<ApplyReport> {
    const { applier, lifetime } = this.#open()
    try {
      const report = await applier.apply(changes, complete)
      this.#checkFirst()
      return report
    } finally {
      lifetime.applied(changes, complete)
    }
  }

  #checkFirst(): void {
    if (this.#applied) return
    this.#applied = true
    void this.#check()
  }

  async adapt(environment: Environment, complete: boolean): Promise<void> {
    const { guards, nodeIPs, detectsLocal, podCIDRs } = environment
    const { addressKeeper, edge } = this.#open()
    this.#nodeIPs = nodeIPs
    this.#detectsLocal = detectsLocal
    const nodePorts = this.#placeNodePorts(nodeIPs)
    await addressKeeper.change({ guards, nodePorts, complete })
    await edge?.adapt(nodeIPs, podCIDRs)
  }

  async verify(): Promise<readonly string[]> {
    const { applier, addressKeeper } = this.#open()
    return [...(await applier.verify()), ...(await addressKeeper.verify())]
  }

  async patrol(): Promise<PatrolReport> {
    const { applier, addressKeeper, hooks, edge } = this.#open()
    // What is shortest and matters most comes first: it is done whatever fails later.
    const first = [...hooks.repair(), ...this.#repairSettings(), ...(edge?.repair() ?? [])]
    const { checked, isRoundEnd, problems } = await applier.patrol(PATROL_ROWS)
    const addresses = isRoundEnd ? await addressKeeper.patrol() : []
    return { checked, isRoundEnd, problems: [...first, ...problems, ...addresses] }
  }

  async status(): Promise<ModeStatus> {
    const { applier, hooks, object, lifetime, edge } = this.#open()
    if (this.#applied && performance.now() - this.#checkedAt > CANARY_VALID_MS) await this.#check()
    return {
      hooks: [...hooks.status(), ...(edge?.hooks() ?? [])],
      maps: [...(await this.#mapStatus()), ...((await edge?.maps()) ?? [])],
      checks: [
        ...this.#checks,
        ...this.#addressChecks(),
        ...this.#lifetimeChecks(),
        ...(edge === undefined ? [] : [edge.check()]),
      ],
      refused: applier.refused,
      reasons: readReasons((key) => object.map('reasons').lookup(key)),
      udpSocketsEnded: lifetime.ended,
    }
  }

  counters(keys: readonly string[]): Promise<ReadonlyMap<string, ServicePortCounters>> {
    const { maps, applier } = this.#open()
    return readCounters(maps, applier.ledger, keys)
  }

  async stop(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    await this.#checking
    this.#running = undefined
    running.nodeAddresses.close()
    await running.applier.stop()
    await running.lifetime.stop()
    await running.edge?.stop()
    running.hooks.close()
    running.maps.close()
    running.object.close()
    for (const lock of running.locks) lock.release()
  }

  #open(): Running {
    if (this.#running === undefined)
      throw new Error('the eBPF mode is not running; call start first')
    return this.#running
  }

  #startEdge(pins: PinDirectory): EdgePlane | undefined {
    const { edge: options, log } = this.#options
    if (options === undefined) return undefined
    const edge = new EdgePlane(options, pins, log)
    edge.start()
    return edge
  }

  /** Addresses come and go (TR-43); nothing is asked for before the first `adapt`. */
  #followAddresses(): NodeAddresses {
    const { log } = this.#options
    const failed = (error: unknown) => {
      const detail = error instanceof Error ? error.message : String(error)
      log.warn({ detail }, 'addresses of this node changed, and its NodePorts could not follow')
    }
    const nodeAddresses = new NodeAddresses({
      onChange: () => {
        if (this.#nodeIPs === undefined) return
        const nodePorts = this.#placeNodePorts(this.#nodeIPs)
        this.#open().addressKeeper.change({ nodePorts }).catch(failed)
      },
      onError: failed,
    })
    nodeAddresses.start()
    return nodeAddresses
  }

  /** Writes the settings of the programs. @returns the addresses at which NodePorts are served now */
  #placeNodePorts(nodeIPs: NodeIPs): readonly string[] {
    const { object, nodeAddresses } = this.#open()
    const options = this.#options.nodePorts
    const [four, six] = ([4, 6] as const).map((family) => {
      return nodePortAddresses(family, nodeAddresses.list(), nodeIPs, options)
    })
    const settings =
      (this.#detectsLocal[4] ? kpSetting.DETECTS_LOCAL_4 : 0) |
      (this.#detectsLocal[6] ? kpSetting.DETECTS_LOCAL_6 : 0) |
      (four?.wholeLoopback ? kpSetting.LOOPBACK_NODE_PORTS : 0)
    if (settings !== this.#settings) writeMeta(object.map('meta'), kpMeta.SETTINGS, settings)
    this.#settings = settings
    return [...(four?.addresses ?? []), ...(six?.addresses ?? [])]
  }

  #lifetimeChecks(): CheckStatus[] {
    return this.#applied ? [this.#open().lifetime.check()] : []
  }

  #repairSettings(): string[] {
    const meta = this.#open().object.map('meta')
    if (this.#settings === undefined) return []
    const found = readMeta({ lookup: (_, key) => meta.lookup(key) }, kpMeta.SETTINGS)
    if (found === this.#settings) return []
    writeMeta(meta, kpMeta.SETTINGS, this.#settings)
    return [`meta: the settings were ${found} and should be ${this.#settings}`]
  }

  #addressChecks(): CheckStatus[] {
    const { left, leftCidrs } = this.#open().addressKeeper
    const problems = [
      left > 0 &&
        `map "addresses" has no room for ${left} addresses: unknown ports of those Services are not refused; ` +
          'raise --max-services',
      leftCidrs > 0 &&
        `map "service_cidrs" has no room for ${leftCidrs} ranges: their unused addresses are left alone; ` +
          'remove ServiceCIDRs',
    ].filter((problem) => problem !== false)
    if (problems.length === 0) return []
    return [{ name: 'addresses', ok: false, message: problems.join('; '), minor: true }]
  }

  #check(): Promise<void> {
    this.#checking ??= this.#runCanary().finally(() => {
      this.#checking = undefined
    })
    return this.#checking
  }

  async #runCanary(): Promise<void> {
    const { applier } = this.#open()
    try {
      this.#checks = await runCanary(this.#options.cgroupPath, (change) => applier.applyOwn(change))
    } catch (error) {
      this.#checks = [{ name: 'canary', ok: false, message: (error as Error).message }]
    }
    this.#checkedAt = performance.now()
  }

  async #mapStatus(): Promise<MapStatus[]> {
    const { object, applier, maps } = this.#open()
    const { ledger } = applier
    const used: Readonly<Record<string, number>> = {
      services: ledger.rows,
      slots: ledger.limits.slots - ledger.arena.free,
      backends: ledger.backends.size,
      members: ledger.members,
      service_stats: (await maps.entries('service_stats')).count,
      backend_stats: (await maps.entries('backend_stats')).count,
      affinity: (await object.map('affinity').entries()).count,
      addresses: (await maps.entries('addresses')).count,
      service_cidrs: (await maps.entries('service_cidrs')).count,
      source_ranges: ledger.sourceRangeRows,
      turns: (await maps.entries('turns')).count,
    }
    return PINNED_MAPS.filter((name) => !name.startsWith('socket_')).map((name) => {
      const { maxEntries, memory } = object.map(name).info
      const canFill = used[name] !== undefined && name !== 'affinity'
      const entries = used[name] ?? maxEntries
      return { name, entries, maxEntries, canFill, memoryBytes: memory }
    })
  }

  #warnOfSizes(object: BpfObject): void {
    const { maxServices, maxEndpoints, log } = this.#options
    const services = object.map('services').info.maxEntries
    const endpoints = object.map('members').info.maxEntries
    if (services === maxServices && endpoints === maxEndpoints) return
    log.warn(
      { maxServices: services, maxEndpoints: endpoints },
      'pinned maps keep the sizes they were made with; "kproxy cleanup" lets new ones be made',
    )
  }
}

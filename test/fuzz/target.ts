import { isDeepStrictEqual } from 'node:util'
import { AddressKeeper } from '../../control/mode/ebpf/address-keeper.ts'
import { Applier } from '../../control/mode/ebpf/applier.ts'
import type { Limits } from '../../control/mode/ebpf/kernel-maps.ts'
import type { Refusal } from '../../control/mode/mode.ts'
import { Model } from '../../control/model/model.ts'
import type { ServicePortChange } from '../../control/model/service-port.ts'
import { encodingOf } from '../../control/source/kubernetes/encoding.ts'
import { Intake } from '../../control/source/kubernetes/intake.ts'
import type { Kind } from '../../control/source/objects.ts'
import type { SourceEvent } from '../../control/source/source.ts'
import { StringPool } from '../../control/source/string-pool.ts'
import { FakeMaps } from '../unit/mode/fake-maps.ts'
import { readMaps, type SeenService } from '../unit/mode/reader.ts'
import { KINDS } from './corpus.ts'
import { list } from './messages.ts'
import { SENTINEL_NAMESPACE } from './sentinels.ts'

export const NODE_NAME = 'n1'

/** Maps whose rows belong to Services. */
const OWNED = [
  ...(['services', 'backends', 'members', 'source_ranges', 'turns'] as const),
  ...(['addresses', 'service_cidrs'] as const),
]

/** At which NodePorts are served. */
const NODE_ADDRESSES = ['172.20.0.1', 'fd00:20::1']

/** Objects of a fake node that are to be what they were. */
interface Footprint {
  readonly counts: Model['counts']
  readonly rows: readonly string[]
  readonly freeSlots: number
  readonly refused: readonly Refusal[]
  readonly kernel: ReadonlyMap<string, SeenService | undefined>
  /** Rows of `addresses`, as they are. */
  readonly addresses: ReadonlyMap<string, unknown>
}

/**
 * All that an agent has between the bytes of its API server and the system calls, with a few sentinels
 * in it. Hostile objects go the way that all objects go.
 */
export class Target {
  readonly pool = new StringPool()
  readonly maps: FakeMaps
  readonly model = new Model({ nodeName: NODE_NAME })
  readonly #applier: Applier
  readonly #addressKeeper: AddressKeeper
  readonly #intakes: ReadonlyMap<Kind, Intake>
  #batch: SourceEvent[] = []
  /** What is desired for the sentinels, by service port. */
  readonly #desired = new Map<string, string>()
  #before: Footprint | undefined

  private constructor(limits: Limits) {
    this.maps = new FakeMaps(limits)
    this.#applier = new Applier(this.maps)
    this.#addressKeeper = new AddressKeeper(this.maps)
    this.#intakes = new Map(
      KINDS.map((kind) => [
        kind,
        new Intake(kind, NODE_NAME, (batch) => this.#batch.push(...batch)),
      ]),
    )
  }

  static async create(limits: Limits): Promise<Target> {
    const target = new Target(limits)
    await target.#applier.start()
    for (const kind of KINDS) target.relist(kind)
    await target.#applier.apply(target.#take(), true)
    await target.#applier.settled()
    await target.#adapt(true)
    target.#before = target.#footprint()
    return target
  }

  intake(kind: Kind): Intake {
    return this.#intakes.get(kind) as Intake
  }

  /** Hands what the intakes have gathered to the model, and returns it. */
  accept(): readonly SourceEvent[] {
    for (const intake of this.#intakes.values()) intake.flush()
    const batch = this.#batch
    this.#batch = []
    for (const event of batch) this.model.apply(event)
    return batch
  }

  /** One sync. @throws where it changes what is desired for a sentinel */
  async sync(): Promise<void> {
    const changes = this.#take()
    this.model.healthChecks()
    this.model.problems()
    await this.#applier.apply(changes, false)
    await this.#adapt(false)
  }

  /** @throws where the maps would lead a reader astray, or show another sentinel than they did */
  checkKernel(): void {
    expectSame('the maps show', this.#readSentinels(), this.#before?.kernel)
    for (const [key, row] of this.#before?.addresses ?? []) {
      expectSame('the row of an address is', this.maps.rows.addresses.get(key), row)
    }
  }

  /** Everything hostile goes. @throws where anything of it stays */
  async clear(): Promise<void> {
    for (const kind of KINDS) this.relist(kind)
    await this.sync()
    await this.#applier.settled()
    await this.#applier.apply(this.model.takeAll(), true)
    await this.#applier.settled()
    expectSame('of the objects remains', this.#footprint(), this.#before)
    expectSame('the maps differ by', await this.#applier.verify(), [])
    expectSame('the addresses differ by', await this.#addressKeeper.verify(), [])
    expectSame('problems are', this.model.problems(), [])
    for (const intake of this.#intakes.values()) expectSame('rejected are', intake.rejected, [])
    await this.#applier.stop()
  }

  /** A complete list of the sentinels of a kind: everything else is gone. */
  relist(kind: Kind): void {
    const reader = encodingOf('application/vnd.kubernetes.protobuf').listReader(kind, this.pool)
    const intake = this.intake(kind)
    intake.beginList()
    for (const object of reader.push(list('protobuf', kind, []))) intake.set(object, 0)
    for (const object of reader.end()) intake.set(object, 0)
    intake.endList(0)
    this.accept()
  }

  #take(): ServicePortChange[] {
    const changes = this.model.take()
    for (const change of changes) {
      if (!change.key.startsWith(`${SENTINEL_NAMESPACE}/`)) continue
      const now = change.type === 'set' ? JSON.stringify(change.port) : 'nothing'
      const former = this.#desired.get(change.key)
      if (former === undefined && this.#before === undefined) this.#desired.set(change.key, now)
      else expectSame(`${change.key} is to be`, now, former)
    }
    return changes
  }

  #footprint(): Footprint {
    return {
      counts: this.model.counts,
      rows: OWNED.map((map) => `${map}: ${this.maps.rows[map].size}`),
      freeSlots: this.#applier.ledger.arena.free,
      refused: this.#applier.refused,
      kernel: this.#readSentinels(),
      addresses: new Map(this.maps.rows.addresses),
    }
  }

  #adapt(complete: boolean): Promise<void> {
    const guards = this.model.takeGuards()
    return this.#addressKeeper.change({ guards, nodePorts: NODE_ADDRESSES, complete })
  }

  /** What readers see at the frontends of the sentinels. Others may have their addresses with other ports. */
  #readSentinels(): ReadonlyMap<string, SeenService | undefined> {
    const seen = readMaps(this.maps)
    const frontends = this.#before?.kernel.keys() ?? seen.keys()
    return new Map(frontends.map((frontend) => [frontend, seen.get(frontend)]))
  }
}

function expectSame(what: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return
  throw new Error(`${what} ${show(actual)}, not ${show(expected)}`)
}

function show(value: unknown): string {
  const plain = (_: string, inner: unknown) => (inner instanceof Map ? [...inner] : inner)
  const text = typeof value === 'string' ? value : JSON.stringify(value, plain)
  return text.length > 2_000 ? `${text.slice(0, 2_000)}...` : text
}

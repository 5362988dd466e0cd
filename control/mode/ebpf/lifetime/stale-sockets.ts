import { KP_ENDINGS } from '#abi'
import { BpfError, BpfObject, destroySockets, runIterator } from '#addon'
import { hostNetns, pinnedSizes } from '../load.ts'
import { PINNED_MAPS, type PinDirectory } from '../pins.ts'
import { writeMember } from '../records.ts'
import { ENDING_SIZE, type Ending, readStalePeers, type StalePeer } from './stale-peer.ts'

/** How many endings one {@link StaleSockets.agree} takes. */
export const MOST_ENDINGS = KP_ENDINGS

/** The program that ends sockets; bpf_sock_destroy(), which it calls, came with kernel 6.5. */
const ENDER = 'end_stale_sockets'

/** How sockets are ended: by a program that judges each once more under its lock, or one by one. */
export type Means = 'iterator' | 'sock_diag'

/** The iterators of lifetime.bpf.c, over the pinned maps of a node. Nothing of them is pinned. */
export class StaleSockets {
  readonly means: Means
  readonly #object: BpfObject

  private constructor(object: BpfObject, means: Means) {
    this.#object = object
    this.means = means
  }

  /**
   * @param path build/bpf/lifetime.bpf.o
   * @param means the best that the kernel has unless told
   * @throws BpfError whatever the kernel lacks: before 5.12 nothing can be found, let alone ended
   */
  static load(path: string, pins: PinDirectory, means?: Means): StaleSockets {
    const load = (skipPrograms: readonly string[]) =>
      BpfObject.load(path, {
        pins: Object.fromEntries(PINNED_MAPS.map((name) => [name, pins.map(name)])),
        maxEntries: pinnedSizes(pins),
        constants: { host_netns: hostNetns() },
        skipPrograms,
      })
    if (means !== 'sock_diag') {
      try {
        return new StaleSockets(load([]), 'iterator')
      } catch (error) {
        if (means !== undefined || !(error instanceof BpfError)) throw error
      }
    }
    return new StaleSockets(load([ENDER]), 'sock_diag')
  }

  /** Those of all network namespaces. */
  async find(): Promise<StalePeer[]> {
    const map = this.#object.map('socket_peers')
    return readStalePeers(await runIterator(this.#object.program('find_stale_peers'), { map }))
  }

  /** Says what the iterator may end, in place of what was said before. */
  async agree(endings: readonly Ending[]): Promise<void> {
    if (this.means !== 'iterator') return
    const map = this.#object.map('endings')
    const former = await map.entries()
    if (former.count > 0) await map.deleteBatch(former.keys)
    const keys = new Uint8Array(endings.length * ENDING_SIZE)
    const view = new DataView(keys.buffer)
    for (const [at, { serviceId, backendId }] of endings.entries()) {
      writeMember(view, at * ENDING_SIZE, serviceId, backendId)
    }
    await map.updateBatch(keys, new Uint8Array(endings.length))
  }

  /**
   * Ends sockets of one network namespace that are stale: their users get ECONNABORTED.
   *
   * @param found those that were found there; the iterator looks for itself, and goes by what was agreed
   * @param netns path of the namespace; this process's own unless told
   * @returns those that it has ended
   */
  async end(found: readonly StalePeer[], netns?: string): Promise<StalePeer[]> {
    const options = netns === undefined ? {} : { netns }
    if (this.means === 'iterator') {
      return readStalePeers(await runIterator(this.#object.program(ENDER), options))
    }
    const sockets = found.map(({ socket }) => socket)
    const ended = await destroySockets(sockets, options)
    return found.filter((_, at) => ended[at])
  }

  close(): void {
    this.#object.close()
  }
}

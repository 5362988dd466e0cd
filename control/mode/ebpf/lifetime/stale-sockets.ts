import { KP_ENDINGS } from '#abi'
import { BpfObject, runIterator } from '#addon'
import { pinnedSizes } from '../load.ts'
import { PINNED_MAPS, type PinDirectory } from '../pins.ts'
import { writeMember } from '../records.ts'
import { ENDING_SIZE, type Ending, readStalePeers, type StalePeer } from './stale-peer.ts'

/** How many endings one {@link StaleSockets.agree} takes. */
export const MOST_ENDINGS = KP_ENDINGS

/** The iterators of lifetime.bpf.c, over the pinned maps of a node. Nothing of them is pinned. */
export class StaleSockets {
  readonly #object: BpfObject

  private constructor(object: BpfObject) {
    this.#object = object
  }

  /**
   * @param path build/bpf/lifetime.bpf.o
   * @throws BpfError whatever the kernel lacks: before 6.5 bpf_sock_destroy()
   */
  static load(path: string, pins: PinDirectory): StaleSockets {
    return new StaleSockets(
      BpfObject.load(path, {
        pins: Object.fromEntries(PINNED_MAPS.map((name) => [name, pins.map(name)])),
        maxEntries: pinnedSizes(pins),
      }),
    )
  }

  /** Those of all network namespaces. */
  async find(): Promise<StalePeer[]> {
    const map = this.#object.map('socket_peers')
    return readStalePeers(await runIterator(this.#object.program('find_stale_peers'), { map }))
  }

  /** Says what {@link end} may end, in place of what was said before. */
  async agree(endings: readonly Ending[]): Promise<void> {
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
   * Ends the sockets of one network namespace that are stale and agreed on: their users get ECONNABORTED.
   *
   * @param netns path of the namespace; this process's own unless told
   * @returns those that it has ended
   */
  async end(netns?: string): Promise<StalePeer[]> {
    const options = netns === undefined ? {} : { netns }
    return readStalePeers(await runIterator(this.#object.program('end_stale_sockets'), options))
  }

  close(): void {
    this.#object.close()
  }
}

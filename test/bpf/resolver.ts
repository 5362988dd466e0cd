import { fileURLToPath } from 'node:url'
import { BpfObject } from '#addon'
import { Tables, viewOf, words } from './tables.ts'

const OBJECT = fileURLToPath(new URL('../../build/test/bpf/resolve.bpf.o', import.meta.url))

/** enum kp_verdict */
export const Verdict = { PASS: 0, TRANSLATE: 1, REFUSE: 2, DROP: 3, FAIL: 4 } as const

/** Layout of the packet, as in resolve.bpf.c. */
const EXCHANGE = {
  size: 104,
  verdict: 20,
  netns: 24,
  backendId: 52,
  checksum: 68,
  socket: 72,
  source: 80,
  isHost: 96,
  hasSource: 100,
} as const

/** Who asks. */
export interface Client {
  /** Cookie; 7 unless given. */
  readonly netns?: bigint
  readonly socket?: bigint
  /** Undefined: it is not known. */
  readonly source?: string
  readonly isHost?: boolean
}

export interface Answer {
  readonly verdict: number
  readonly backendId: number
  readonly checksum: number
  readonly durationNs: number
}

/** The production decision code with maps of its own, to fill and to ask. */
export class Resolver extends Tables {
  constructor() {
    super(BpfObject.load(OBJECT))
  }

  ask(key: Uint8Array, client: Client = {}, repeat = 1): Answer {
    const packet = new Uint8Array(EXCHANGE.size)
    const view = viewOf(packet)
    packet.set(key)
    view.setBigUint64(EXCHANGE.netns, client.netns ?? 7n, true)
    view.setBigUint64(EXCHANGE.socket, client.socket ?? 0n, true)
    view.setUint32(EXCHANGE.isHost, client.isHost ? 1 : 0, true)
    if (client.source !== undefined) {
      packet.set(new Uint8Array(words(client.source).buffer), EXCHANGE.source)
      view.setUint32(EXCHANGE.hasSource, 1, true)
    }
    const { dataOut, durationNs } = this.object.program('resolve').testRun(packet, { repeat })
    const answer = viewOf(dataOut)
    return {
      verdict: answer.getUint32(EXCHANGE.verdict, true),
      backendId: answer.getUint32(EXCHANGE.backendId, true),
      checksum: answer.getUint32(EXCHANGE.checksum, true),
      durationNs,
    }
  }
}

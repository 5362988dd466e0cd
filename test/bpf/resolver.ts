import { fileURLToPath } from 'node:url'
import { BpfObject } from '#addon'
import { Tables, viewOf } from './tables.ts'

const OBJECT = fileURLToPath(new URL('../../build/test/bpf/resolve.bpf.o', import.meta.url))

/** enum kp_verdict */
export const Verdict = { PASS: 0, TRANSLATE: 1, REFUSE: 2, DROP: 3, FAIL: 4 } as const

/** Layout of the packet, as in resolve.bpf.c. */
const EXCHANGE = { size: 72, verdict: 20, netns: 24, backendId: 52, checksum: 64 } as const

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

  ask(key: Uint8Array, netns = 7n, repeat = 1): Answer {
    const packet = new Uint8Array(EXCHANGE.size)
    packet.set(key)
    viewOf(packet).setBigUint64(EXCHANGE.netns, netns, true)
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

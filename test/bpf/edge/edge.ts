import { fileURLToPath } from 'node:url'
import { kpAddressRole, kpBackend, kpCidr, kpTrack, kpTuple, kpUplink } from '#abi'
import { BpfObject, runIterator } from '#addon'
import { cidrWords } from '../../../control/mode/ebpf/cidr-rows.ts'
import { Tables, viewOf, words } from '../tables.ts'
import { build, type Packet, parse, type Seen } from './packet.ts'

const OBJECT = fileURLToPath(new URL('../../../build/bpf/edge.bpf.o', import.meta.url))

/** Verdicts of tc by number; NEXT is -1 as 32 bits. */
const VERDICTS: Readonly<Record<number, string>> = {
  4294967295: 'next',
  2: 'drop',
  7: 'redirect',
}

export interface Outcome {
  readonly verdict: string
  readonly seen: Seen
  readonly frame: Uint8Array
}

export function u32(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array([value]).buffer)
}

/** The programs of the edge plane over maps of their own. */
export class Edge extends Tables {
  constructor(
    maxEntries: Readonly<Record<string, number>> = {},
    constants: Readonly<Record<string, number>> = {},
  ) {
    const sizes = { established: 1024, half_open: 1024, ...maxEntries }
    super(BpfObject.load(OBJECT, { maxEntries: sizes, constants }))
  }

  in(packet: Packet | Uint8Array): Outcome {
    return this.#run('edge_ingress', packet)
  }

  out(packet: Packet | Uint8Array): Outcome {
    return this.#run('edge_egress', packet)
  }

  role(address: string, ...roles: (keyof typeof kpAddressRole)[]): void {
    const value = roles.reduce((sum, role) => sum | kpAddressRole[role], 0)
    this.map('addresses').update(new Uint8Array(words(address).buffer), u32(value))
  }

  /** One backend at port 8080 in a slot. */
  backend(slot: number, id: number, address: string, local: boolean): void {
    this.slot(slot, address, id)
    const row = new Uint8Array(kpBackend.size)
    viewOf(row).setUint32(kpBackend.backendId.offset, id, true)
    row[kpBackend.flags.offset] = local ? 1 : 0
    this.map('backends').update(u32(id), row)
  }

  cidr(map: 'pod_cidrs' | 'service_cidrs', text: string): void {
    const key = new Uint8Array(kpCidr.size)
    const { words: address, length } = cidrWords(text)
    viewOf(key).setUint32(kpCidr.prefixLength.offset, length, true)
    key.set(new Uint8Array(address.buffer), kpCidr.address.offset)
    this.map(map).update(key, u32(1))
  }

  uplink(index: number, ...addresses: readonly string[]): void {
    const row = new Uint8Array(kpUplink.size)
    for (const address of addresses) {
      const place = address.includes(':') ? kpUplink.address6 : kpUplink.address4
      row.set(new Uint8Array(words(address).buffer), place.offset)
    }
    this.map('uplinks').update(u32(index), row)
  }

  /** Flows by table; each has two entries. */
  async entries(map: 'half_open' | 'established'): Promise<number> {
    return (await this.map(map).entries()).count
  }

  /** Takes away the entries of one direction, or both. */
  async remove(map: 'half_open' | 'established', direction: 'forward' | 'reply'): Promise<void> {
    const { keys, values, count } = await this.map(map).entries()
    for (let i = 0; i < count; i++) {
      const flags = viewOf(values).getUint32(i * kpTrack.size + kpTrack.flags.offset, true)
      if (((flags & 1) !== 0) !== (direction === 'reply')) continue
      this.map(map).delete(keys.subarray(i * kpTuple.size, (i + 1) * kpTuple.size))
    }
  }

  /** Takes away what has been idle for too long. @returns entries that stay, established and half-open */
  async sweep(): Promise<[number, number]> {
    const program = this.object.program('sweep_flows')
    const established = await runIterator(program, { map: this.map('established') })
    const halfOpen = await runIterator(program, { map: this.map('half_open') })
    return [established.length, halfOpen.length]
  }

  #run(program: string, packet: Packet | Uint8Array): Outcome {
    const frame = packet instanceof Uint8Array ? packet : build(packet)
    const { returnValue, dataOut } = this.object.program(program).testRun(frame)
    const verdict = VERDICTS[returnValue] ?? String(returnValue)
    return {
      verdict,
      frame: dataOut,
      get seen() {
        return parse(dataOut)
      },
    }
  }
}

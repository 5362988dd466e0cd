import { kpFrontend } from '#abi'
import { parseFrontend, writeFrontend } from './records.ts'

/** The key in `services` of a frontend, by its name in the ledger. */
export function frontendKey(name: string): Uint8Array {
  const words = new Uint32Array(4)
  const key = new DataView(new ArrayBuffer(kpFrontend.size))
  const { port, protocol } = parseFrontend(name, words)
  writeFrontend(key, 0, words, port, protocol)
  return new Uint8Array(key.buffer)
}

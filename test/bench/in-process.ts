/**
 * The agent's way of one event without its surroundings: bytes of a watch frame -> decoder -> model ->
 * mode -> published on real maps.
 *
 *   node in-process.ts DIRECTORY PIN_DIRECTORY
 *
 * DIRECTORY holds `Service.pb` and `EndpointSlice.pb`, lists as the API server answers them, and
 * `frames.pb`, watch frames of EndpointSlices. Prints a JSON array of {@link EventTimes}.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { EbpfMode } from '../../control/mode/ebpf/index.ts'
import { Model } from '../../control/model/model.ts'
import { resolveCgroup } from '../../control/node/cgroup.ts'
import { ProtobufListReader } from '../../control/source/decode/protobuf/list-reader.ts'
import { decodeWatchEvent } from '../../control/source/decode/protobuf/watch-event.ts'
import { ProtobufFramer } from '../../control/source/kubernetes/watch-frames.ts'
import { StringPool } from '../../control/source/string-pool.ts'

/** Milliseconds that one event took. */
export interface EventTimes {
  readonly decode: number
  /** Model: what changed for which service port. */
  readonly resolve: number
  /** Mode: planned, written and published. */
  readonly apply: number
}

/** Events of a busy cluster come this far apart; back to back they would share caches and grace periods. */
const PAUSE_MS = 3

async function main(directory: string, pinDir: string): Promise<void> {
  const pool = new StringPool()
  const model = new Model({ nodeName: 'in-process' })
  for (const kind of ['Service', 'EndpointSlice'] as const) {
    const list = new ProtobufListReader(kind, pool)
    for (const raw of list.push(readFileSync(join(directory, `${kind}.pb`)))) {
      model.apply({ type: 'set', object: raw.decode(), receivedAt: 0 })
    }
    list.end()
    model.apply({ type: 'synced', kind })
  }
  const mode = new EbpfMode({
    objectPath: fileURLToPath(new URL('../../build/bpf/socket.bpf.o', import.meta.url)),
    lifetimePath: fileURLToPath(new URL('../../build/bpf/lifetime.bpf.o', import.meta.url)),
    cgroupPath: resolveCgroup(undefined),
    pinDir,
    nodeName: 'in-process',
    maxServices: 65_536,
    maxEndpoints: 262_144,
    nodePorts: { nodePortAddresses: [], localhost: false },
    log: { info() {}, warn: (_, message) => process.stderr.write(`${message}\n`) },
  })
  await mode.start()
  await mode.apply(model.takeAll(), true)
  const times: EventTimes[] = []
  for (const frame of frames(readFileSync(join(directory, 'frames.pb')))) {
    await sleep(PAUSE_MS)
    times.push(await timeEvent(frame, pool, model, mode))
  }
  await mode.stop()
  process.stdout.write(JSON.stringify(times))
}

/** Each watch frame with its length in front, as it would arrive. */
function* frames(stream: Buffer): Generator<Buffer> {
  for (let at = 0; at < stream.length; ) {
    const end = at + 4 + stream.readUInt32BE(at)
    yield stream.subarray(at, end)
    at = end
  }
}

async function timeEvent(
  bytes: Buffer,
  pool: StringPool,
  model: Model,
  mode: EbpfMode,
): Promise<EventTimes> {
  const received = performance.now()
  const [frame] = new ProtobufFramer().push(bytes, received)
  const event = frame && decodeWatchEvent('EndpointSlice', frame.bytes, pool)
  if (event?.type !== 'MODIFIED') throw new Error('a frame is not a MODIFIED event')
  const object = event.object.decode()
  const decoded = performance.now()
  model.apply({ type: 'set', object, receivedAt: received })
  const changes = model.take()
  const resolved = performance.now()
  const { published } = await mode.apply(changes, false)
  const applied = performance.now()
  if (published !== 1) throw new Error(`an event published ${published} records, not 1`)
  return { decode: decoded - received, resolve: resolved - decoded, apply: applied - resolved }
}

const [directory, pinDir] = process.argv.slice(2)
if (directory === undefined || pinDir === undefined) {
  throw new Error('usage: node in-process.ts DIRECTORY PIN_DIRECTORY')
}
await main(directory, pinDir)

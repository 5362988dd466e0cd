import { SERVICE_NAME_LABEL } from '../source/kept-metadata.ts'
import type { EndpointSlice } from '../source/objects.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import type { Candidate, HeldSlice } from './held-slice.ts'
import type { Problem } from './problem.ts'
import type { Family } from './service-port.ts'
import { type CheckedEndpoint, type CheckedPort, checkSlice } from './slice-check.ts'

/**
 * An EndpointSlice as the model keeps it: its candidates are the bytes of one string, 60 for each where
 * objects take 300. At 100,000 endpoints they would be the larger part of the heap. Besides, two
 * versions of a slice are compared by comparing strings (IN-32).
 */
export interface PackedSlice {
  readonly namespace: string
  readonly name: string
  /** Name of its Service, in the same namespace. */
  readonly service: string
  readonly family: Family | undefined
  readonly ports: readonly CheckedPort[]
  /** Candidates for each port. */
  readonly count: number
  readonly ready: number
  readonly total: number
  readonly problems: readonly Problem[]
  /** One character for each byte. */
  readonly bytes: string
  /** Names of zones and nodes, which candidates share. */
  readonly shared: readonly string[]
}

const READY = 1
const SERVING = 2
const TERMINATING = 4
const LOCAL = 8
const ZONE_HINTS = 16
const NODE_HINTS = 32
/** The UID is a UUID in lower case, kept as 16 bytes. */
const UUID = 64

const writer = new ByteWriter()
const reader = new ByteReader()
const indexes = new Map<string, number>()

/** @param nodeName endpoints of this Node are local (IN-26) */
export function packSlice(slice: EndpointSlice, nodeName: string): PackedSlice {
  const { namespace, name, labels } = slice.metadata
  const { family, ports, endpoints, problems } = checkSlice(slice)
  writer.reset()
  indexes.clear()
  for (const endpoint of endpoints) write(endpoint, nodeName)
  let ready = 0
  for (const endpoint of slice.endpoints) if (endpoint.ready) ready++
  return {
    namespace,
    name,
    service: labels[SERVICE_NAME_LABEL] ?? '',
    family,
    ports,
    count: endpoints.length,
    ready,
    total: slice.endpoints.length,
    problems,
    bytes: writer.finish(),
    shared: [...indexes.keys()],
  }
}

/** The candidates of a packed slice. */
export function openSlice(slice: PackedSlice): HeldSlice {
  const { family, ports, ready, total, problems } = slice
  let former: readonly Candidate[] | undefined
  const held = ports.map(({ name, protocol, port }) => {
    const candidates = former?.map((candidate) => ({ ...candidate, port })) ?? readAll(slice, port)
    former = candidates
    return { name, protocol, candidates }
  })
  return { family, ports: held, ready, total, problems }
}

/** Whether two packed slices say the same (IN-32). */
export function isSameSlice(a: PackedSlice, b: PackedSlice): boolean {
  return (
    a.bytes === b.bytes &&
    a.service === b.service &&
    a.family === b.family &&
    a.ready === b.ready &&
    a.total === b.total &&
    isSameList(a.shared, b.shared, (text, other) => text === other) &&
    isSameList(a.ports, b.ports, isSamePort) &&
    isSameList(a.problems, b.problems, (one, other) => one.message === other.message)
  )
}

function isSameList<T>(a: readonly T[], b: readonly T[], isSame: (a: T, b: T) => boolean): boolean {
  return a === b || (a.length === b.length && a.every((item, index) => isSame(item, b[index] as T)))
}

function isSamePort(a: CheckedPort, b: CheckedPort): boolean {
  return a.name === b.name && a.protocol === b.protocol && a.port === b.port
}

function write(checked: CheckedEndpoint, nodeName: string): void {
  const { address, endpoint } = checked
  const { targetUid = '', zone = '', zoneHints, nodeHints } = endpoint
  const isUuid = ByteWriter.isUuid(targetUid)
  const isLocal = nodeName !== '' && endpoint.nodeName === nodeName
  writer.byte(
    (endpoint.ready ? READY : 0) |
      (endpoint.serving ? SERVING : 0) |
      (endpoint.terminating ? TERMINATING : 0) |
      (isLocal ? LOCAL : 0) |
      (zoneHints === undefined ? 0 : ZONE_HINTS) |
      (nodeHints === undefined ? 0 : NODE_HINTS) |
      (isUuid ? UUID : 0),
  )
  writer.text(address)
  writer.number(indexOf(zone))
  if (zoneHints !== undefined) writeList(zoneHints)
  if (nodeHints !== undefined) writeList(nodeHints)
  if (isUuid) writer.uuid(targetUid)
  else writer.text(targetUid)
  writer.text(endpoint.targetName ?? '')
}

function readAll({ count, bytes, shared }: PackedSlice, port: number): readonly Candidate[] {
  reader.open(bytes)
  const candidates: Candidate[] = []
  for (let left = count; left > 0; left--) candidates.push(read(shared, port))
  return candidates
}

function read(shared: readonly string[], port: number): Candidate {
  const flags = reader.byte()
  const address = reader.text()
  const zone = shared[reader.number()] as string
  const zoneHints = flags & ZONE_HINTS ? readList(shared) : undefined
  const nodeHints = flags & NODE_HINTS ? readList(shared) : undefined
  const targetUid = flags & UUID ? reader.uuid() : reader.text()
  return {
    address,
    port,
    local: (flags & LOCAL) !== 0,
    targetUid,
    targetName: reader.text(),
    zone,
    ready: (flags & READY) !== 0,
    serving: (flags & SERVING) !== 0,
    terminating: (flags & TERMINATING) !== 0,
    zoneHints,
    nodeHints,
  }
}

function writeList(texts: readonly string[]): void {
  writer.number(texts.length)
  for (const text of texts) writer.number(indexOf(text))
}

function readList(shared: readonly string[]): string[] {
  const texts: string[] = []
  for (let left = reader.number(); left > 0; left--) texts.push(shared[reader.number()] as string)
  return texts
}

/** The index of a text among those that the candidates share. */
function indexOf(text: string): number {
  let index = indexes.get(text)
  if (index === undefined) {
    index = indexes.size
    indexes.set(text, index)
  }
  return index
}

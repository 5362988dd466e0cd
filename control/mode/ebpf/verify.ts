import { kpSlot } from '#abi'
import { type KernelMaps, type MapRows, ROW_SIZES } from './kernel-maps.ts'
import { classOf, distinctRanges, type Entry, type Ledger, recordOf } from './ledger.ts'
import { MemberStates } from './member-states.ts'
import * as records from './records.ts'
import { addressPort, rangeLength } from './records.ts'

/** Compares the maps with the ledger; a sentence per difference. */
export async function verifyMaps(maps: KernelMaps, ledger: Ledger): Promise<string[]> {
  const [services, backends, members] = await Promise.all([
    maps.entries('services'),
    maps.entries('backends'),
    maps.entries('members'),
  ])
  return [
    ...verifyServices(ledger, services),
    ...verifySlots(ledger, maps),
    ...verifyBackends(ledger, backends),
    ...verifyMembers(ledger, members),
  ]
}

const views = (rows: MapRows) => ({
  keys: new DataView(rows.keys.buffer, rows.keys.byteOffset),
  values: new DataView(rows.values.buffer, rows.values.byteOffset),
})

function nameOf(entry: Entry): string {
  return entry.key === '' ? `restored service ${entry.serviceId}` : entry.key
}

function verifyServices(ledger: Ledger, rows: MapRows): string[] {
  const problems: string[] = []
  const { keys, values } = views(rows)
  const size = ROW_SIZES.services
  const expectedValue = new DataView(new ArrayBuffer(size.value))
  const seen = new Set<string>()
  for (let row = 0; row < rows.count; row++) {
    const name = records.readFrontend(keys, row * size.key)
    const entry = ledger.frontends.get(name)
    seen.add(name)
    if (entry === undefined) {
      const why = ledger.invalid.get(name)
      problems.push(
        why === undefined
          ? `services: ${name} is in the map but belongs to no service port`
          : `services: ${name} was found unusable: ${why}`,
      )
      continue
    }
    if (entry.unfinished?.frontends.has(name) === true) continue
    records.writeService(
      keys,
      row * size.key,
      expectedValue,
      0,
      recordOf(entry, classOf(entry, name)),
    )
    if (!equalBytes(values, row * size.value, expectedValue)) {
      problems.push(`services: the record of ${name} differs from what ${nameOf(entry)} needs`)
    }
  }
  for (const [name, entry] of ledger.frontends) {
    if (!seen.has(name)) problems.push(`services: ${name} of ${nameOf(entry)} is missing`)
  }
  return problems
}

function equalBytes(view: DataView, offset: number, expected: DataView): boolean {
  for (let at = 0; at < expected.byteLength; at += 4) {
    if (view.getUint32(offset + at) !== expected.getUint32(at)) return false
  }
  return true
}

function verifySlots(ledger: Ledger, maps: KernelMaps): string[] {
  const problems: string[] = []
  const words = new Uint32Array(4)
  const { backends, slots } = ledger
  for (const entry of new Set(ledger.frontends.values())) {
    for (const range of distinctRanges(entry)) {
      const bytes = maps.loadSlots(range.base, rangeLength(range))
      const view = new DataView(bytes.buffer, bytes.byteOffset)
      for (let slot = 0; slot < rangeLength(range); slot++) {
        const index = slots[range.base + slot] as number
        const { backendId, port } = records.readSlot(view, slot * kpSlot.size, words)
        const isSame =
          backendId === backends.id(index) &&
          port === backends.port(index) &&
          words.every((word, at) => word === backends.words[index * 4 + at])
        if (isSame) continue
        const shown = addressPort(words, 0, port)
        const wanted = addressPort(backends.words, index * 4, backends.port(index))
        problems.push(
          `slots: slot ${range.base + slot} of ${nameOf(entry)} shows backend ${backendId} at ` +
            `${shown} instead of ${backends.id(index)} at ${wanted}`,
        )
      }
    }
  }
  return problems
}

function verifyBackends(ledger: Ledger, rows: MapRows): string[] {
  const problems: string[] = []
  const { keys, values } = views(rows)
  const { backends } = ledger
  const size = ROW_SIZES.backends
  const rowOf = new Map<number, number>()
  for (let row = 0; row < rows.count; row++) rowOf.set(keys.getUint32(row * size.key, true), row)
  const expected = new DataView(new ArrayBuffer(size.value))
  for (let index = 0; index < backends.bound; index++) {
    const id = backends.id(index)
    if (id === 0) continue
    const row = rowOf.get(id)
    rowOf.delete(id)
    records.writeBackend(expected, 0, backends.words, index * 4, backends.row(index))
    if (row === undefined) problems.push(`backends: backend ${id} is missing`)
    else if (!equalBytes(values, row * size.value, expected)) {
      problems.push(`backends: the row of backend ${id} differs from what it should be`)
    }
  }
  for (const id of rowOf.keys()) problems.push(`backends: backend ${id} belongs to no service port`)
  return problems
}

function verifyMembers(ledger: Ledger, rows: MapRows): string[] {
  const problems: string[] = []
  const { keys, values } = views(rows)
  const size = ROW_SIZES.members
  const found = new Map<number, Map<number, number>>()
  for (let row = 0; row < rows.count; row++) {
    const { serviceId, backendId } = records.readMember(keys, row * size.key)
    const states = found.get(serviceId) ?? new Map<number, number>()
    states.set(backendId, records.readMembership(values, row * size.value))
    found.set(serviceId, states)
  }
  const wanted = new MemberStates()
  for (const entry of new Set(ledger.frontends.values())) {
    const states = found.get(entry.serviceId) ?? new Map<number, number>()
    found.delete(entry.serviceId)
    ledger.readMembers(entry, wanted)
    for (const index of wanted.indexes) {
      const id = ledger.backends.id(index)
      const state = states.get(id)
      states.delete(id)
      if (state === wanted.get(index)) continue
      const problem = state === undefined ? 'is missing' : 'has the wrong state'
      problems.push(`members: backend ${id} of ${nameOf(entry)} ${problem}`)
    }
    for (const id of states.keys()) {
      problems.push(`members: backend ${id} is no endpoint of ${nameOf(entry)}`)
    }
  }
  for (const id of found.keys()) problems.push(`members: service ${id} does not exist`)
  return problems
}

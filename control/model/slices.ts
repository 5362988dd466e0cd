import { type EndpointSlice, objectKey } from '../source/objects.ts'
import type { HeldSlice } from './held-slice.ts'
import { isSameSlice, openSlice, type PackedSlice, packSlice } from './packed-slice.ts'
import type { SharedLists } from './shared-lists.ts'

/** Slices with so many endpoints altogether stay open: about 2 MB. */
const OPEN_ENDPOINTS = 8192

/** EndpointSlices by the Service they belong to (IN-20); kept also while that is not there (IN-30). */
export class Slices {
  readonly #nodeName: string
  readonly #lists: SharedLists
  /** Slice key -> slice. */
  readonly #slices = new Map<string, PackedSlice>()
  /** Service key -> its slices, sorted by name, so that the order of events does not matter. */
  readonly #byService = new Map<string, readonly PackedSlice[]>()
  /** Slices that were looked at lately: what changed once is likely to change again. */
  readonly #open = new Map<PackedSlice, HeldSlice>()
  #openEndpoints = 0
  endpoints = 0

  constructor(nodeName: string, lists: SharedLists) {
    this.#nodeName = nodeName
    this.#lists = lists
  }

  get count(): number {
    return this.#slices.size
  }

  /**
   * Stores a slice.
   *
   * @returns keys of the Services that it touches, the old owner included; none where nothing changed
   * (IN-32)
   */
  set(slice: EndpointSlice): string[] {
    const key = objectKey(slice.metadata)
    const packed = this.#pack(slice)
    const former = this.#slices.get(key)
    if (former !== undefined && isSameSlice(former, packed)) return []
    const touched = this.delete(key)
    if (packed.service === '') return touched
    const owner = ownerOf(packed)
    this.#slices.set(key, packed)
    this.#enter(owner, packed)
    this.endpoints += packed.total
    return touched.includes(owner) ? touched : [...touched, owner]
  }

  /** Forgets a slice; the last one of a Service frees its entry (IN-32). */
  delete(key: string): string[] {
    const slice = this.#slices.get(key)
    if (slice === undefined) return []
    this.#slices.delete(key)
    this.#close(slice)
    this.endpoints -= slice.total
    const owner = ownerOf(slice)
    const rest = (this.#byService.get(owner) ?? []).filter((other) => other !== slice)
    if (rest.length > 0) this.#byService.set(owner, rest)
    else this.#byService.delete(owner)
    return [owner]
  }

  /** The slices of a Service, by name. With `keep` they stay open, to be looked at again soon. */
  of(service: string, keep = false): readonly HeldSlice[] {
    const slices = this.#byService.get(service)
    return slices?.map((slice) => this.#held(slice, keep)) ?? []
  }

  #pack(slice: EndpointSlice): PackedSlice {
    const packed = packSlice(slice, this.#nodeName)
    const { ports, shared } = packed
    return { ...packed, ports: this.#lists.share(ports), shared: this.#lists.share(shared) }
  }

  #enter(owner: string, slice: PackedSlice): void {
    const slices = this.#byService.get(owner)
    if (slices === undefined) {
      this.#byService.set(owner, [slice])
      return
    }
    const at = slices.findIndex((other) => other.name > slice.name)
    this.#byService.set(owner, slices.toSpliced(at < 0 ? slices.length : at, 0, slice))
  }

  #held(slice: PackedSlice, keep: boolean): HeldSlice {
    const known = this.#open.get(slice)
    if (known !== undefined) return known
    const held = openSlice(slice)
    if (!keep) return held
    this.#open.set(slice, held)
    this.#openEndpoints += slice.count
    for (const oldest of this.#open.keys()) {
      if (this.#openEndpoints <= OPEN_ENDPOINTS) break
      this.#close(oldest)
    }
    return held
  }

  #close(slice: PackedSlice): void {
    if (this.#open.delete(slice)) this.#openEndpoints -= slice.count
  }
}

const ownerOf = (slice: PackedSlice) =>
  objectKey({ namespace: slice.namespace, name: slice.service })

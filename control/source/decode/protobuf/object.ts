import { isNamespaced, type Kind, type KubernetesObject } from '../../objects.ts'
import type { StringPool } from '../../string-pool.ts'
import type { Identity, RawObject } from '../raw-object.ts'
import { decodeEndpointSlice } from './endpoint-slice.ts'
import { decodeMetadata, named, namedInCluster } from './metadata.ts'
import { decodeNode } from './node.ts'
import { guarded, openReader, type Reader } from './reader.ts'
import { decodeService } from './service.ts'
import { decodeServiceCIDR } from './service-cidr.ts'

const decoders = {
  Service: decodeService,
  EndpointSlice: decodeEndpointSlice,
  Node: decodeNode,
  ServiceCIDR: decodeServiceCIDR,
}

/** A message of one of our kinds, without envelope, between two offsets of a buffer. */
export class ProtobufObject implements RawObject {
  readonly #kind: Kind
  readonly #bytes: Buffer
  readonly #start: number
  readonly #end: number
  readonly #pool: StringPool

  constructor(kind: Kind, bytes: Buffer, start: number, end: number, pool: StringPool) {
    this.#kind = kind
    this.#bytes = bytes
    this.#start = start
    this.#end = end
    this.#pool = pool
  }

  decode(): KubernetesObject {
    return guarded(() => decoders[this.#kind](this.#reader(), this.#end, this.#pool))
  }

  identify(): Identity {
    const name = isNamespaced(this.#kind) ? named : namedInCluster
    return guarded(() => {
      const reader = this.#reader()
      while (reader.pos < this.#end) {
        const tag = reader.tag()
        // Every kind has its metadata first; what follows may be broken, and need not be read.
        if (tag === 10) return name(decodeMetadata(reader, this.#pool))
        reader.skipType(tag & 7)
      }
      return name(undefined)
    })
  }

  #reader(): Reader {
    const reader = openReader(this.#bytes)
    reader.pos = this.#start
    return reader
  }
}

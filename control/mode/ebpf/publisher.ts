import { type KernelMaps, type MapName, ROW_SIZES } from './kernel-maps.ts'
import type { DeleteRows, Operation, UpdateRows } from './operations.ts'

/** From so many rows on, an operation goes to another thread as a batch. */
const BATCH_ROWS = 64

/** A map did not take a write. */
export class MapWriteError extends Error {
  override readonly name = 'MapWriteError'
  readonly map: MapName
  /** The map has no room for another row. A kernel short of memory is another matter: that passes. */
  readonly isFull: boolean

  constructor(map: MapName, cause: unknown) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    const detail = cause instanceof Error ? cause.message : String(cause)
    super(
      `writing map "${map}" failed: ${detail}; what is published stays, and it is tried again`,
      {
        cause,
      },
    )
    this.map = map
    this.isFull = code === 'E2BIG' || code === 'ENOSPC'
  }
}

/**
 * Puts operations into effect, stage after stage. Small ones are done at once on this thread: a hop
 * to another would take longer than the work. It knows nothing of Services.
 */
export class Publisher {
  /** System calls on maps so far; a batch counts as one. */
  syscalls = 0
  readonly #maps: KernelMaps

  constructor(maps: KernelMaps) {
    this.#maps = maps
  }

  /**
   * Runs until the first error and throws it; what comes later is not written, so the maps are as
   * after a crash: complete as far as readers can see.
   */
  async run(operations: readonly Operation[]): Promise<void> {
    let waiting: Promise<void>[] = []
    let stage = 0
    try {
      for (const operation of operations) {
        if (operation.stage !== stage && waiting.length > 0) {
          await settleAll(waiting)
          waiting = []
        }
        stage = operation.stage
        const work = this.#start(operation)
        if (work !== undefined) waiting.push(work)
      }
    } finally {
      await settleAll(waiting)
    }
  }

  #start(operation: Operation): Promise<void> | undefined {
    if (operation.kind === 'store') {
      this.#maps.storeSlots(operation.index, operation.slots)
      return undefined
    }
    try {
      return this.#startRows(operation)
    } catch (error) {
      throw new MapWriteError(operation.map, error)
    }
  }

  #startRows(operation: UpdateRows | DeleteRows): Promise<void> | undefined {
    if (operation.count >= BATCH_ROWS) {
      this.syscalls++
      const { map, keys } = operation
      const work =
        operation.kind === 'update'
          ? this.#maps.updateBatch(map, keys, operation.values)
          : this.#maps.deleteBatch(map, keys)
      return work.catch((error: unknown) => {
        throw new MapWriteError(map, error)
      })
    }
    this.syscalls += operation.count
    if (operation.kind === 'update') this.#update(operation)
    else this.#delete(operation)
    return undefined
  }

  #update({ map, keys, values, count }: UpdateRows): void {
    const { key, value } = ROW_SIZES[map]
    for (let row = 0; row < count; row++) {
      this.#maps.update(
        map,
        keys.subarray(row * key, (row + 1) * key),
        values.subarray(row * value, (row + 1) * value),
      )
    }
  }

  #delete({ map, keys, count }: DeleteRows): void {
    const { key } = ROW_SIZES[map]
    for (let row = 0; row < count; row++) {
      this.#maps.delete(map, keys.subarray(row * key, (row + 1) * key))
    }
  }
}

/** Waits for all, then throws the first error: no buffer may be in use when the caller goes on. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  if (work.length === 0) return
  const results = await Promise.allSettled(work)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

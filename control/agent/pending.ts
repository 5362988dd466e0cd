import type { ServicePortChange } from '../model/service-port.ts'

/**
 * Changes that wait for the mode: the latest per service port, removals and all. A change that could
 * not be applied comes back here and never hides a newer one.
 */
export class PendingChanges {
  #changes = new Map<string, ServicePortChange>()

  get size(): number {
    return this.#changes.size
  }

  add(changes: readonly ServicePortChange[]): void {
    for (const change of changes) this.#changes.set(change.key, change)
  }

  /** Takes everything that waits. */
  take(): ServicePortChange[] {
    const taken = [...this.#changes.values()]
    this.#changes = new Map()
    return taken
  }

  /** Gives back what could not be applied. */
  restore(changes: readonly ServicePortChange[]): void {
    const newer = this.#changes
    this.#changes = new Map(changes.map((change) => [change.key, change]))
    for (const [key, change] of newer) this.#changes.set(key, change)
  }
}

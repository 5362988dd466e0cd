import type { HealthCheckService } from './health-check.ts'

/** The health checks of all Services that have one. */
export class HealthChecks {
  readonly #byService = new Map<string, readonly HealthCheckService[]>()
  /** Made anew only after a change. */
  #list: readonly HealthCheckService[] | undefined

  /** Replaces those of one Service. */
  replace(service: string, checks: readonly HealthCheckService[]): void {
    const before = this.#byService.get(service) ?? NONE
    if (checks.length === before.length && checks.every((one, i) => isSame(one, before[i]))) return
    if (checks.length > 0) this.#byService.set(service, checks)
    else this.#byService.delete(service)
    this.#list = undefined
  }

  /** All of them by namespace and name; the same list until something in it changes. */
  list(): readonly HealthCheckService[] {
    this.#list ??= [...this.#byService.keys()]
      .sort()
      .flatMap((key) => this.#byService.get(key) ?? [])
    return this.#list
  }
}

const NONE: readonly HealthCheckService[] = Object.freeze([])

function isSame(a: HealthCheckService, b: HealthCheckService | undefined): boolean {
  return (
    a.family === b?.family && a.port === b.port && a.localReadyEndpoints === b.localReadyEndpoints
  )
}

import type { HealthClock } from '../../../../control/server/health/freshness.ts'

/** Time that stands still until a test moves it. */
export class FakeClock implements HealthClock {
  wallMs = Date.UTC(2026, 0, 1)
  monotonicMs = 0

  wall = () => this.wallMs
  monotonic = () => this.monotonicMs

  /** Lets time pass. */
  pass(seconds: number): void {
    this.wallMs += seconds * 1e3
    this.monotonicMs += seconds * 1e3
  }

  /** Somebody sets the clock on the wall. */
  jump(seconds: number): void {
    this.wallMs += seconds * 1e3
  }
}

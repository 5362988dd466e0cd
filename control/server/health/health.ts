import type { Node } from '../../source/objects.ts'
import { reasonAgainst } from './eligibility.ts'
import {
  type FamilyName,
  type Freshness,
  type HealthClock,
  systemHealthClock,
} from './freshness.ts'

/** The two questions that the health server answers (8.2). */
export type HealthPath = '/healthz' | '/livez'

/** Body of an answer, with kube-proxy's keys in its order (HL-3). */
export interface HealthDocument {
  /** RFC 3339, as all times here. */
  readonly lastUpdated: string
  readonly currentTime: string
  readonly nodeEligible?: boolean
  /** The data path alone: false only where `/livez` fails too (HL-4). */
  readonly healthy: boolean
  readonly status?: Partial<
    Record<FamilyName, { readonly lastUpdated: string; readonly healthy: boolean }>
  >
}

export interface HealthAnswer {
  readonly code: 200 | 503
  readonly document: HealthDocument
}

/** What kube-proxy prints for a time that has not come yet. */
const NEVER = '0001-01-01T00:00:00Z'

/** What is known about the health of this node: the data path and the Node object. */
export class Health {
  readonly freshness: Freshness
  readonly #clock: HealthClock
  #node: Node | undefined

  constructor(freshness: Freshness, clock: HealthClock = systemHealthClock) {
    this.freshness = freshness
    this.#clock = clock
  }

  /** This node's object has changed. @param node undefined: it is gone */
  setNode(node: Node | undefined): void {
    this.#node = node
  }

  /** Why load balancers should go elsewhere; undefined where they need not. */
  get ineligibility(): string | undefined {
    return reasonAgainst(this.#node)
  }

  /** HL-3, HL-4. */
  answer(path: HealthPath): HealthAnswer {
    const now = this.#clock.wall()
    const { healthy, lastUpdated } = this.freshness
    const isEligible = this.ineligibility === undefined
    const isFine = healthy && (path === '/livez' || isEligible)
    const status = [...this.freshness.status()].map(([family, state]) => {
      return [family, { lastUpdated: timestamp(state.lastUpdated), healthy: state.healthy }]
    })
    return {
      code: isFine ? 200 : 503,
      document: {
        lastUpdated: timestamp(isFine ? now : lastUpdated),
        currentTime: timestamp(now),
        ...(path === '/healthz' ? { nodeEligible: isEligible } : {}),
        healthy,
        ...(status.length > 0 ? { status: Object.fromEntries(status) } : {}),
      },
    }
  }
}

function timestamp(milliseconds: number | undefined): string {
  return milliseconds === undefined ? NEVER : new Date(milliseconds).toISOString()
}

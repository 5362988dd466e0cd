import type { Protocol } from '../source/objects.ts'
import type { Frontend, FrontendClass, ServicePort } from './service-port.ts'

/** Who may use a frontend that several Services name (TR-6). */
export interface Verdicts {
  readonly granted: ServicePort[]
  readonly denied: readonly { readonly frontend: string; readonly owner: string }[]
  /** Other Services that must be looked at again: they win or lose a frontend, or its owner changed. */
  readonly freed: readonly string[]
}

/**
 * Who goes before whom. The server gives ClusterIPs and NodePorts out, and a controller those of load
 * balancers; what anybody may write as an external IP must not take their traffic away.
 */
const RANKS: Readonly<Record<FrontendClass, number>> = {
  ClusterIP: 0,
  NodePort: 0,
  LoadBalancerIP: 1,
  ExternalIP: 2,
}

interface Claimant {
  readonly service: string
  readonly rank: number
  /** Seconds since the epoch; Infinity where nobody says. */
  readonly createdAt: number
}

interface Claim {
  readonly createdAt: number
  readonly frontends: readonly string[]
}

/**
 * Ownership of frontends. Of several Services that name one address, port and protocol the one with the
 * strongest class has it, and of equals the oldest: a new Service does not disturb one that works. The
 * others wait and are told.
 *
 * A Service that does not say when it was created, as in a manifest, counts as the newest, and of equally
 * old ones the first by key has the frontend. So the owner follows from the objects alone, not from the
 * order of events, and is the same on every node and after every restart; the price is that of two
 * Services without a time, a new one takes the frontend over if its key is the first.
 */
export class FrontendClaims {
  /** Frontend -> the Service that alone names it, with rank 0; or all that name it, the owner first. */
  readonly #claimants = new Map<string, string | readonly Claimant[]>()
  /** Service -> its age and the frontends that it names. */
  readonly #claims = new Map<string, Claim>()

  /**
   * Replaces what a Service claims.
   * @param creationTimestamp seconds since the epoch; 0 or less: not said
   */
  claim(service: string, creationTimestamp: number, ports: readonly ServicePort[]): Verdicts {
    const wanted = new Map<string, number>()
    for (const port of ports) {
      for (const frontend of port.frontends) {
        const key = frontendKey(frontend, port)
        wanted.set(key, Math.min(wanted.get(key) ?? Infinity, RANKS[frontend.class]))
      }
    }
    // Go's zero time, which means none, is long before the epoch.
    const createdAt = creationTimestamp > 0 ? creationTimestamp : Infinity
    const freed = this.#replace(service, wanted, createdAt)
    const denied: { frontend: string; owner: string }[] = []
    const taken = new Set<string>()
    const granted: ServicePort[] = []
    for (const port of ports) {
      const frontends = port.frontends.filter((frontend) => {
        const key = frontendKey(frontend, port)
        const owner = taken.has(key) ? service : this.#owner(key)
        if (owner === service && !taken.has(key)) {
          taken.add(key)
          return true
        }
        denied.push({ frontend: key, owner: owner ?? service })
        return false
      })
      if (frontends.length === port.frontends.length) granted.push(port)
      else if (frontends.length > 0) granted.push({ ...port, frontends })
    }
    return { granted, denied, freed }
  }

  /** Gives up everything. @returns Services that may get what is free now */
  release(service: string): readonly string[] {
    return this.#replace(service, new Map(), Infinity)
  }

  #owner(key: string): string | undefined {
    const claimants = this.#claimants.get(key)
    return typeof claimants === 'string' ? claimants : claimants?.[0]?.service
  }

  #replace(service: string, wanted: ReadonlyMap<string, number>, createdAt: number): string[] {
    const touched = new Set<string>()
    for (const key of this.#claims.get(service)?.frontends ?? []) {
      if (!wanted.has(key)) this.#withdraw(key, service, touched)
    }
    for (const [key, rank] of wanted) this.#enter(key, { service, rank, createdAt }, touched)
    if (wanted.size > 0) this.#claims.set(service, { createdAt, frontends: [...wanted.keys()] })
    else this.#claims.delete(service)
    touched.delete(service)
    return [...touched]
  }

  #enter(key: string, claimant: Claimant, touched: Set<string>): void {
    const only = this.#claimants.get(key)
    if (claimant.rank === 0 && (only === undefined || only === claimant.service)) {
      this.#claimants.set(key, claimant.service)
      return
    }
    const before = this.#list(key)
    const known = before.find(({ service }) => service === claimant.service)
    if (known?.rank === claimant.rank && known.createdAt === claimant.createdAt) return
    // The owner may lose it; those that wait are told whom they wait for now.
    for (const { service } of before) touched.add(service)
    const others = before.filter((other) => other !== known)
    this.#store(key, [...others, claimant].sort(byRank))
  }

  #withdraw(key: string, service: string, touched: Set<string>): void {
    const rest = this.#list(key).filter((claimant) => claimant.service !== service)
    for (const claimant of rest) touched.add(claimant.service)
    this.#store(key, rest)
  }

  #list(key: string): readonly Claimant[] {
    const claimants = this.#claimants.get(key) ?? []
    if (typeof claimants !== 'string') return claimants
    const createdAt = this.#claims.get(claimants)?.createdAt ?? Infinity
    return [{ service: claimants, rank: 0, createdAt }]
  }

  /** Collisions are rare, and nearly every frontend has the strongest class: those are kept small. */
  #store(key: string, claimants: readonly Claimant[]): void {
    const [first] = claimants
    if (first === undefined) this.#claimants.delete(key)
    else if (claimants.length === 1 && first.rank === 0) this.#claimants.set(key, first.service)
    else this.#claimants.set(key, claimants)
  }
}

function byRank(a: Claimant, b: Claimant): number {
  if (a.rank !== b.rank) return a.rank - b.rank
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1
  return a.service < b.service ? -1 : 1
}

/** The frontend as people read it: `10.96.0.1:80/TCP`, `nodePort 30080/TCP of IPv4`. */
function frontendKey(
  { class: kind, address, port }: Frontend,
  { protocol, family }: { readonly protocol: Protocol; readonly family: number },
): string {
  if (kind === 'NodePort') return `nodePort ${port}/${protocol} of IPv${family}`
  return `${family === 6 ? `[${address}]` : address}:${port}/${protocol}`
}

/**
 * Where Services stand in the chain that iptables mode walks for each new connection. The order is
 * that of a Go map, so it is read back, not guessed.
 */

/** The position matters so much that one alone would mislead (17 ns for each rule walked). */
export interface Positions {
  readonly first: string
  readonly middle: string
  readonly last: string
}

/** Cluster IPs in the order of `iptables -S KUBE-SERVICES`, once each. */
export function chainOrder(rules: string): string[] {
  const addresses = rules
    .split('\n')
    .filter((rule) => rule.includes(' -j KUBE-SVC-'))
    .flatMap((rule) => /-d ([0-9.]+)\/32/.exec(rule)?.[1] ?? [])
  return [...new Set(addresses)]
}

/**
 * The first, middle and last of `candidates` in the chain.
 * @throws Error when a candidate has no rule yet: its arm would measure something else.
 */
export function positionsOf(rules: string, candidates: readonly string[]): Positions {
  const wanted = new Set(candidates)
  const found = chainOrder(rules).filter((address) => wanted.has(address))
  const [first, last] = [found[0], found.at(-1)]
  const middle = found[Math.floor(found.length / 2)]
  if (found.length < wanted.size || !first || !middle || !last) {
    throw new Error(
      `KUBE-SERVICES has rules for ${found.length} of ${wanted.size} Services: kube-proxy has not caught up`,
    )
  }
  return { first, middle, last }
}

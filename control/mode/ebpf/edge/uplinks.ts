import type { InterfaceAddress, NetworkInterface } from '#addon'
import type { NodeIPs } from '../../../model/node-ips.ts'

/** An interface at which traffic from outside is served. */
export interface Uplink {
  readonly index: number
  readonly name: string
  /** Why it is one, in words. */
  readonly why: string
  /** What packets to other nodes get as their source; undefined: it has none of that family. */
  readonly source: { readonly 4: string | undefined; readonly 6: string | undefined }
}

export interface UplinkInputs {
  /** Names and globs; empty: interfaces with a default route or an address of the node. */
  readonly wanted: readonly string[]
  readonly interfaces: readonly NetworkInterface[]
  readonly addresses: readonly InterfaceAddress[]
  /** Names of the interfaces that a default route leads over. */
  readonly defaultRoutes: ReadonlySet<string>
  /** Undefined: not known yet. */
  readonly nodeIPs: NodeIPs | undefined
}

export interface UplinkChoice {
  readonly uplinks: readonly Uplink[]
  /** Sentences about what was asked for and cannot be. */
  readonly problems: readonly string[]
}

/** ARPHRD_ETHER of linux/if_arp.h: the programs expect Ethernet frames. */
const ETHERNET = 1

/** The one word in place of a list that means no interface at all. */
export const NO_UPLINKS = 'none'

/** Which interfaces are uplinks, and why. */
export function chooseUplinks(inputs: UplinkInputs): UplinkChoice {
  const { wanted, interfaces } = inputs
  if (wanted.includes(NO_UPLINKS)) return { uplinks: [], problems: [] }
  const uplinks: Uplink[] = []
  const problems: string[] = []
  for (const one of interfaces) {
    const why = wanted.length === 0 ? whyByDefault(one, inputs) : whyWanted(one, wanted)
    if (why === undefined) continue
    const obstacle = obstacleOf(one)
    if (obstacle === undefined) {
      uplinks.push({ index: one.index, name: one.name, why, source: sourcesOf(one, inputs) })
    } else if (wanted.includes(one.name)) problems.push(`uplink "${one.name}" ${obstacle}`)
  }
  for (const name of wanted) {
    if (isGlob(name) || interfaces.some((one) => one.name === name)) continue
    problems.push(`uplink "${name}": there is no such interface; it is served once it appears`)
  }
  if (uplinks.length === 0 && problems.length === 0) {
    problems.push(
      wanted.length === 0
        ? 'no uplink: no interface has a default route or an address of the node; name them with --uplinks'
        : `no uplink: no interface matches ${wanted.join(',')}`,
    )
  }
  return { uplinks, problems }
}

function whyByDefault(
  { name, loopback, index }: NetworkInterface,
  { defaultRoutes, addresses, nodeIPs }: UplinkInputs,
): string | undefined {
  if (loopback) return undefined
  if (defaultRoutes.has(name)) return 'default route'
  const own = [nodeIPs?.[4], nodeIPs?.[6]]
  const has = addresses.find((one) => one.index === index && own.includes(one.address))
  return has && `node address ${has.address}`
}

function whyWanted({ name }: NetworkInterface, wanted: readonly string[]): string | undefined {
  const match = wanted.find((pattern) => matches(pattern, name))
  return match && `--uplinks ${match}`
}

function obstacleOf({ hardwareType, loopback }: NetworkInterface): string | undefined {
  if (loopback) return 'is the loopback interface, where nothing comes from outside'
  if (hardwareType !== ETHERNET) return 'carries no Ethernet frames, and cannot be served'
  return undefined
}

/** Of several addresses that of the node, else the first that reaches everywhere. */
function sourcesOf(
  { index }: NetworkInterface,
  { addresses, nodeIPs }: UplinkInputs,
): Uplink['source'] {
  const own = addresses.filter(
    (one) => one.index === index && one.scope === 'global' && !one.dadFailed,
  )
  const choose = (family: 4 | 6) => {
    const candidates = own
      .map(({ address }) => address)
      .filter((address) => address.includes(':') === (family === 6))
    return candidates.find((address) => address === nodeIPs?.[family]) ?? candidates[0]
  }
  return { 4: choose(4), 6: choose(6) }
}

const isGlob = (pattern: string) => /[*?]/.test(pattern)

/** `*` stands for any characters, `?` for one. */
function matches(pattern: string, name: string): boolean {
  const literal = pattern.replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
  return new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name)
}

import type { Service } from '../source/objects.ts'
import { canonicalAddress } from './canonical.ts'
import type { Family } from './service-port.ts'
import { specialAddress } from './special-address.ts'

/** The addresses that a Service has in one family, canonical (IN-9). */
export interface ServiceAddresses {
  readonly clusterIP: string
  readonly externalIPs: readonly string[]
  /** Those that nodes capture: not the ones that a real load balancer must see (`ipMode: Proxy`). */
  readonly loadBalancerIPs: readonly string[]
}

const FAMILY_NAMES: Readonly<Record<Family, string>> = { 4: 'IPv4', 6: 'IPv6' }
const KNOWN_FAMILIES = Object.values(FAMILY_NAMES)

/**
 * @param allowExternalIPs false: none of `externalIPs` is served
 * @returns undefined where the Service does not exist for the family (IN-7)
 */
export function addressesOf(
  service: Service,
  family: Family,
  allowExternalIPs: boolean,
  wrong: Wrong,
): ServiceAddresses | undefined {
  const clusterIP = clusterIPOf(service, family, wrong)
  if (clusterIP === undefined) return undefined
  const virtual = service.loadBalancerIngress.filter((ingress) => ingress.ipMode !== 'Proxy')
  const ingress = virtual.map(({ ip }) => ip)
  return {
    clusterIP,
    externalIPs: allowExternalIPs
      ? readAll(service.externalIPs, family, 'externalIPs', wrong)
      : NO_ADDRESSES,
    loadBalancerIPs: readAll(ingress, family, 'status.loadBalancer.ingress', wrong),
  }
}

const NO_ADDRESSES: readonly string[] = Object.freeze([])

type Wrong = (message: string) => void

function clusterIPOf(service: Service, family: Family, wrong: Wrong): string | undefined {
  const { ipFamilies, clusterIPs, clusterIP } = service
  const stray = ipFamilies.find((name) => !KNOWN_FAMILIES.includes(name))
  if (stray !== undefined) wrong(`ipFamilies has "${stray}"; write IPv4 or IPv6`)
  const index = ipFamilies.indexOf(FAMILY_NAMES[family])
  const isListed = ipFamilies.length > 0
  // The server makes the first of clusterIPs equal to clusterIP; a hand-written Service may lack it.
  const text = !isListed ? clusterIP : (clusterIPs[index] ?? (index === 0 ? clusterIP : ''))
  if (text === '' || text === 'None') return undefined
  const address = readOne(text, 'clusterIP', 'give one of the service range', wrong)
  if (address === undefined || address.family === family) return address?.text
  if (isListed) {
    const expected = FAMILY_NAMES[family]
    wrong(`clusterIPs has "${text}" where ipFamilies has ${expected}; make them agree`)
  }
  return undefined
}

/** The addresses of one family, each once; blank entries are passed over in silence (IN-9). */
function readAll(
  texts: readonly string[],
  family: Family,
  field: string,
  wrong: Wrong,
): readonly string[] {
  if (texts.length === 0) return texts
  const found = new Set<string>()
  for (const text of texts) {
    const address =
      text.trim() === '' ? undefined : readOne(text.trim(), field, 'correct or remove it', wrong)
    if (address?.family === family) found.add(address.text)
  }
  return [...found]
}

function readOne(text: string, field: string, advice: string, wrong: Wrong) {
  const address = canonicalAddress(text)
  if (address === undefined) {
    wrong(`${field} "${text}" is not an IP address; ${advice}`)
    return undefined
  }
  const special = specialAddress(address.text)
  if (special === undefined) return address
  wrong(`${field} "${text}" is ${special}, which no Service can have; ${advice}`)
  return undefined
}

/** What is special about an address, in words, or undefined where it names one ordinary host. */
export function specialAddress(canonical: string): string | undefined {
  return canonical.includes(':') ? specialSix(canonical) : specialFour(canonical)
}

/** Whether nothing can be sent to it as to one host, be it on this node or elsewhere. */
export function isNoHost(canonical: string): boolean {
  const special = specialAddress(canonical)
  return special === UNSPECIFIED || special === MULTICAST
}

const UNSPECIFIED = 'the unspecified address'
const LOOPBACK = 'a loopback address'
const LINK_LOCAL = 'a link-local address'
const MULTICAST = 'a multicast address'

function specialFour(address: string): string | undefined {
  if (address === '0.0.0.0') return UNSPECIFIED
  if (address.startsWith('127.')) return LOOPBACK
  if (address.startsWith('169.254.')) return LINK_LOCAL
  const first = Number(address.slice(0, address.indexOf('.')))
  return first >= 224 && first <= 239 ? MULTICAST : undefined
}

function specialSix(address: string): string | undefined {
  if (address === '::') return UNSPECIFIED
  if (address === '::1') return LOOPBACK
  if (/^fe[89ab].:/.test(address)) return LINK_LOCAL
  return /^ff..:/.test(address) ? MULTICAST : undefined
}

import { describe } from './check.ts'

/** enum bpf_attach_type, the hooks of a cgroup that concern sockets and addresses. */
const numbers = {
  connect4: 10,
  connect6: 11,
  post_bind4: 12,
  post_bind6: 13,
  sendmsg4: 14,
  sendmsg6: 15,
  recvmsg4: 19,
  recvmsg6: 20,
  getpeername4: 29,
  getpeername6: 30,
  sock_release: 34,
} as const

export type CgroupAttachType = keyof typeof numbers

/** enum bpf_attach_type, both directions of an interface (since 6.6). */
const interfaceNumbers = { tcx_ingress: 46, tcx_egress: 47 } as const

export type InterfaceAttachType = keyof typeof interfaceNumbers

export function interfaceAttachTypeNumber(name: string, value: unknown): number {
  if (typeof value !== 'string' || !Object.hasOwn(interfaceNumbers, value)) {
    throw new TypeError(
      `${name} must be one of ${Object.keys(interfaceNumbers).join(', ')}, got ${describe(value)}`,
    )
  }
  return interfaceNumbers[value as InterfaceAttachType]
}

export function attachTypeNumber(name: string, value: unknown): number {
  if (typeof value !== 'string' || !Object.hasOwn(numbers, value)) {
    throw new TypeError(
      `${name} must be one of ${Object.keys(numbers).join(', ')}, got ${describe(value)}`,
    )
  }
  return numbers[value as CgroupAttachType]
}

/** The number itself for a hook that has no name here; '' for a link of neither cgroup nor interface. */
export function attachTypeName(value: number | undefined): string {
  if (value === undefined) return ''
  const all = { ...numbers, ...interfaceNumbers }
  const found = Object.entries(all).find(([, number]) => number === value)
  return found === undefined ? String(value) : found[0]
}

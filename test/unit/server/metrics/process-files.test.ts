import { describe, expect, it } from 'vitest'
import { maxAddressSpace, octets } from '../../../../control/server/metrics/process-files.ts'

const limits = (
  soft: string,
) => `Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max address space         ${soft.padEnd(20)} unlimited            bytes
Max file locks            unlimited            unlimited            locks
`

describe('the address space that a process may have', () => {
  it.each([
    ['4294967296', 4_294_967_296],
    ['unlimited', 2 ** 64],
  ])('is the soft limit: %s', (soft, expected) => {
    expect(maxAddressSpace(limits(soft))).toBe(expected)
  })

  it('is unlimited where nobody says it', () => {
    expect(maxAddressSpace('')).toBe(2 ** 64)
  })
})

describe('the bytes of IP packets', () => {
  it('are found by the names of their columns', () => {
    const netstat = `TcpExt: SyncookiesSent InOctets
TcpExt: 1 2
IpExt: InNoRoutes InOctets OutOctets InMcastOctets
IpExt: 3 4000000000000 5 6
`
    expect(octets(netstat)).toEqual({ receive: 4_000_000_000_000, transmit: 5 })
  })

  it('are 0 where the kernel does not count them', () => {
    expect(octets('TcpExt: A\nTcpExt: 1\n')).toEqual({ receive: 0, transmit: 0 })
  })
})

import { describe, expect, it } from 'vitest'
import {
  CONNTRACK_MAX,
  HASH_SIZE,
  planConntrack,
  planSysctls,
} from '../../../control/config/conntrack.ts'
import { fromFields, inForce } from './configure.ts'

function plan(fields: string, cpus: number, current: Readonly<Record<string, number>> = {}) {
  const { conntrack } = inForce(fromFields(`conntrack: {${fields}}`))
  const writes = planConntrack(conntrack, cpus, (path) => current[path])
  return Object.fromEntries(writes.map(({ path, value }) => [path.split('/').at(-1), value]))
}

const QUIET = 'tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s'

describe('conntrack sysctls (kube-proxy.md 7.4)', () => {
  it('are by default a table by the number of CPUs, and two timeouts', () => {
    expect(plan('', 8)).toEqual({
      nf_conntrack_max: 262_144,
      hashsize: 65_536,
      nf_conntrack_tcp_timeout_established: 86_400,
      nf_conntrack_tcp_timeout_close_wait: 3_600,
    })
  })

  it.each([
    ['the product', 'maxPerCore: 1000, min: 10', 4, 4_000],
    ['the least number', 'maxPerCore: 1000, min: 5000', 4, 5_000],
    ['the cap of 1.36', 'maxPerCore: 32768', 64, 1_048_576],
    [
      'the cap, though the least number is above it (CF-21)',
      'maxPerCore: 32768, min: 2000000',
      64,
      1_048_576,
    ],
    [
      'the least number above the cap, where the product is below',
      'maxPerCore: 1, min: 2000000',
      2,
      2_000_000,
    ],
  ])('have %s', (_, fields, cpus, entries) => {
    expect(plan(`${fields}, ${QUIET}`, cpus)).toEqual({
      nf_conntrack_max: entries,
      hashsize: Math.floor(entries / 4),
    })
  })

  it('leave everything alone that is 0', () => {
    expect(plan(`maxPerCore: 0, min: 500, ${QUIET}`, 4)).toEqual({})
  })

  it('set what is asked for beyond the defaults', () => {
    const fields = `maxPerCore: 0, ${QUIET}, tcpBeLiberal: true, udpTimeout: 30s, udpStreamTimeout: 1500ms`
    expect(plan(fields, 4)).toEqual({
      nf_conntrack_tcp_be_liberal: 1,
      nf_conntrack_udp_timeout: 30,
      nf_conntrack_udp_timeout_stream: 1,
    })
  })

  it('are not written where they are as wanted, nor is a larger table made smaller (CF-20)', () => {
    const current = {
      [CONNTRACK_MAX]: 1_000_000,
      [HASH_SIZE]: 65_536,
      'net/netfilter/nf_conntrack_tcp_timeout_established': 86_400,
      'net/netfilter/nf_conntrack_tcp_timeout_close_wait': 60,
    }
    expect(plan('', 8, current)).toEqual({ nf_conntrack_tcp_timeout_close_wait: 3_600 })
  })

  it('concern no mode that has no use for conntrack', () => {
    expect(planSysctls(inForce(fromFields('mode: nftables')), 8, () => 0)).toEqual([])
  })
})

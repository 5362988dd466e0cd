import { describe, expect, test } from 'vitest'
import { chainOrder, positionsOf } from '../../bench/positions.ts'

const rule = (address: string, chain = 'KUBE-SVC-ABCDEF') =>
  `-A KUBE-SERVICES -d ${address}/32 -p tcp -m comment --comment "default/bench cluster IP" -m tcp --dport 80 -j ${chain}`

const RULES = [
  '-N KUBE-SERVICES',
  rule('10.96.4.7'),
  rule('10.96.0.1'),
  rule('10.96.4.7'),
  rule('10.96.4.2'),
  rule('10.96.4.9', 'REJECT'),
  rule('10.96.4.5'),
  '-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
].join('\n')

describe('the place in the chain', () => {
  test('is that of the rules, whatever the addresses, and refusals do not count', () => {
    expect(chainOrder(RULES)).toEqual(['10.96.4.7', '10.96.0.1', '10.96.4.2', '10.96.4.5'])
  })

  test('is counted among the candidates', () => {
    expect(positionsOf(RULES, ['10.96.4.2', '10.96.4.5', '10.96.4.7'])).toEqual({
      first: '10.96.4.7',
      middle: '10.96.4.2',
      last: '10.96.4.5',
    })
  })

  test('of a Service without a rule is an error', () => {
    expect(() => positionsOf(RULES, ['10.96.4.7', '10.96.4.9'])).toThrow(/1 of 2 Services/)
  })
})

import { describe, expect, it } from 'vitest'
import { routes4, routes6 } from '../../../../control/mode/ebpf/edge/default-routes.ts'

const zeros = '0'.repeat(32)

describe('default routes', () => {
  it('of IPv4 are up, of no prefix, and lead somewhere', () => {
    const lines = [
      'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT',
      'eth0\t00000000\t010014AC\t0003\t0\t0\t0\t00000000\t0\t0\t0',
      'eth1\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0',
      'eth2\t000014AC\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
      'eth3\t00000000\t00000000\t0000\t0\t0\t0\t00000000\t0\t0\t0',
      '*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0',
      '',
    ]
    expect(routes4(lines.join('\n'))).toEqual(['eth0'])
  })

  it('of IPv6 as well', () => {
    const line = (length: string, flags: string, name: string) =>
      `${zeros} ${length} ${zeros} 00 ${zeros} 00000400 00000001 00000000 ${flags}     ${name}`
    const lines = [
      line('00', '00000003', 'eth0'),
      line('00', '00200200', 'lo'),
      line('00', '00000201', 'eth1'),
      line('40', '00000001', 'eth2'),
      '',
    ]
    expect(routes6(lines.join('\n'))).toEqual(['eth0'])
  })
})

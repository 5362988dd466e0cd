import { describe, expect, it } from 'vitest'
import {
  type DetectLocalOptions,
  detectorsOf,
  isFromPod,
} from '../../../control/model/detect-local.ts'

const options = (change: Partial<DetectLocalOptions>): DetectLocalOptions => ({
  mode: 'ClusterCIDR',
  clusterCIDR: '',
  bridgeInterface: '',
  interfaceNamePrefix: '',
  ...change,
})
const from = (source: string, inputInterface?: string) => ({ source, inputInterface })

describe('a local pod is told', () => {
  it('by the first cluster CIDR of each family in mode ClusterCIDR (TR-50)', () => {
    const clusterCIDR = '10.0.0.0/16, fd00::/64,10.1.0.0/16'
    const detectors = detectorsOf(options({ clusterCIDR }), ['10.1.0.0/24'])
    expect(isFromPod(detectors[4], from('10.0.3.4', 'eth0'))).toBe(true)
    expect(isFromPod(detectors[4], from('10.1.3.4'))).toBe(false)
    expect(isFromPod(detectors[6], from('fd00::5'))).toBe(true)
    expect(isFromPod(detectors[6], from('fd01::5'))).toBe(false)
  })

  it('by the first pod CIDR of this node in mode NodeCIDR (TR-50)', () => {
    const given = options({ mode: 'NodeCIDR', clusterCIDR: '10.0.0.0/8' })
    const detectors = detectorsOf(given, ['10.1.0.0/24', '10.2.0.0/24'])
    expect(isFromPod(detectors[4], from('10.1.0.9'))).toBe(true)
    expect(isFromPod(detectors[4], from('10.2.0.9'))).toBe(false)
    expect(detectors[6]).toEqual({ by: 'nothing' })
  })

  it('by the bridge in mode BridgeInterface, for both families', () => {
    const given = options({ mode: 'BridgeInterface', bridgeInterface: 'cni0' })
    const detectors = detectorsOf(given, [])
    for (const family of [4, 6] as const) {
      expect(isFromPod(detectors[family], from('192.0.2.1', 'cni0'))).toBe(true)
      expect(isFromPod(detectors[family], from('192.0.2.1', 'cni01'))).toBe(false)
    }
  })

  it('by the beginning of the name in mode InterfaceNamePrefix', () => {
    const given = options({ mode: 'InterfaceNamePrefix', interfaceNamePrefix: 'veth' })
    const detectors = detectorsOf(given, [])
    expect(isFromPod(detectors[4], from('192.0.2.1', 'veth7c1'))).toBe(true)
    expect(isFromPod(detectors[6], from('fd00::1', 'eth0'))).toBe(false)
  })

  it.each(['BridgeInterface', 'InterfaceNamePrefix'] as const)(
    'never of what this host sends in mode %s: it has no input interface (TR-51)',
    (mode) => {
      const given = options({ mode, bridgeInterface: 'cni0', interfaceNamePrefix: 'veth' })
      expect(isFromPod(detectorsOf(given, [])[4], from('10.0.0.1'))).toBe(false)
    },
  )

  it.each(['', '10.0.0.0/16', 'nonsense'])(
    'by nothing for a family of which there is no CIDR: "%s" (TR-11)',
    (clusterCIDR) => {
      const detectors = detectorsOf(options({ clusterCIDR }), [])
      expect(detectors[6]).toEqual({ by: 'nothing' })
      expect(isFromPod(detectors[6], from('fd00::1', 'veth0'))).toBe(false)
    },
  )
})

describe('the detectors of both families', () => {
  const FOUR = '10.0.0.0/14'
  const SIX = '2002:0:0:1234::/64'
  const [FOUR_2, SIX_2] = ['10.96.0.0/12', '2002:0:0:5678::/64']

  /** What is told of each family: a CIDR, an interface, or "-" for nothing. */
  const shown = (change: Partial<DetectLocalOptions>, podCIDRs: readonly string[]) => {
    const detectors = detectorsOf(options(change), podCIDRs)
    return ([4, 6] as const).map((family) => {
      const detector = detectors[family]
      if (detector.by === 'source') return detector.cidr.text
      if (detector.by === 'interface') return detector.name
      return detector.by === 'interface prefix' ? `${detector.prefix}*` : '-'
    })
  }

  it.each([
    ['', ['-', '-']],
    [FOUR, [FOUR, '-']],
    [SIX, ['-', SIX]],
    [`${FOUR},${SIX}`, [FOUR, SIX]],
    [`${SIX},${FOUR}`, [FOUR, SIX]],
    [`${FOUR},${FOUR_2}`, [FOUR, '-']],
    [`${SIX},${SIX_2},${FOUR}`, [FOUR, SIX]],
  ])('in mode ClusterCIDR of "%s" (TR-11, TR-50)', (clusterCIDR, expected) => {
    expect(shown({ clusterCIDR }, [FOUR_2, SIX_2])).toEqual(expected)
  })

  it.each([
    [[], ['-', '-']],
    [[FOUR], [FOUR, '-']],
    [[SIX], ['-', SIX]],
    [
      [FOUR, SIX],
      [FOUR, SIX],
    ],
    [
      [SIX, FOUR],
      [FOUR, SIX],
    ],
    [
      [FOUR, FOUR_2, SIX, SIX_2],
      [FOUR, SIX],
    ],
  ])('in mode NodeCIDR of a Node with %j (TR-11, TR-50)', (podCIDRs, expected) => {
    const clusterCIDR = `${FOUR_2},${SIX_2}`
    expect(shown({ mode: 'NodeCIDR', clusterCIDR }, podCIDRs)).toEqual(expected)
  })

  it('are the same in the modes of interfaces, whatever CIDRs there are', () => {
    const names = { bridgeInterface: 'eth', interfaceNamePrefix: 'veth', clusterCIDR: FOUR }
    expect(shown({ ...names, mode: 'BridgeInterface' }, [SIX])).toEqual(['eth', 'eth'])
    expect(shown({ ...names, mode: 'InterfaceNamePrefix' }, [SIX])).toEqual(['veth*', 'veth*'])
  })
})

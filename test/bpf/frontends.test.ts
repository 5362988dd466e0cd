import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { kpAddressRole, kpCidr, kpClass, kpMeta, kpSetting } from '#abi'
import { cidrWords } from '../../control/mode/ebpf/cidr-rows.ts'
import {
  EXTERNAL_DROP,
  INTERNAL_DROP,
  NODE_IN_RANGES,
  type ServiceRecord,
  SOURCE_RANGES,
} from '../../control/mode/ebpf/records.ts'
import { Rows } from '../../control/mode/ebpf/rows.ts'
import { addSourceRange } from '../../control/mode/ebpf/source-range-rows.ts'
import { type Client, Resolver, Verdict } from './resolver.ts'
import { range, TCP, UDP, viewOf, words } from './tables.ts'

let resolver: Resolver

const NODE_IP = '172.20.0.11'
const POD_IP = '10.244.1.5'
const POD: Client = { source: POD_IP }
const HOST: Client = { isHost: true, source: NODE_IP }

beforeEach(() => {
  resolver = new Resolver()
  // Backend 10 stands in the internal range, 20 in the cluster range, 30 in the external one.
  resolver.slot(0, '10.244.0.1', 10)
  resolver.slot(1, '10.244.0.2', 20)
  resolver.slot(2, '10.244.0.3', 30)
})

afterEach(() => resolver.close())

const RANGES = { internal: range(0, 1), cluster: range(1, 1), external: range(2, 1) }

function bytesOf(value: number, size: 4 | 8): Uint8Array {
  const bytes = new Uint8Array(size)
  viewOf(bytes).setUint32(0, value, true)
  return bytes
}

function settings(...names: (keyof typeof kpSetting)[]): void {
  const bits = names.reduce((sum, name) => sum | kpSetting[name], 0)
  resolver.map('meta').update(bytesOf(kpMeta.SETTINGS, 4), bytesOf(bits, 8))
}

function role(address: string, value: number): void {
  resolver.map('addresses').update(new Uint8Array(words(address).buffer), bytesOf(value, 4))
}

function serviceCidr(text: string): void {
  const key = new Uint8Array(kpCidr.size)
  const { words: address, length } = cidrWords(text)
  viewOf(key).setUint32(kpCidr.prefixLength.offset, length, true)
  key.set(new Uint8Array(address.buffer), kpCidr.address.offset)
  resolver.map('service_cidrs').update(key, bytesOf(1, 4))
}

function sourceRange(serviceId: number, cidr: string): void {
  const rows = new Rows('source_ranges')
  addSourceRange(rows, { serviceId, cidr })
  resolver.map('source_ranges').update(rows.keyBytes(), rows.valueBytes())
}

function publish(address: string, port: number, record: Partial<ServiceRecord>, protocol = TCP) {
  resolver.publish(resolver.frontend(address, port, protocol), { ...RANGES, ...record })
}

/** A key as a client names it: never the wildcard scope, whatever the address. */
function asked(address: string, port: number, protocol = TCP): Uint8Array {
  const key = resolver.frontend(address, port, protocol)
  key[19] = 0
  return key
}

const ask = (address: string, port: number, client: Client, protocol = TCP) =>
  resolver.ask(asked(address, port, protocol), client)

describe('which endpoints a client gets', () => {
  const EXTERNAL = [kpClass.NODE_PORT, kpClass.EXTERNAL_IP, kpClass.LOAD_BALANCER_IP]

  it('a ClusterIP gives the internal list to everybody (EP-9, M1, M2, M3)', () => {
    publish('10.96.0.1', 80, { frontendClass: kpClass.CLUSTER_IP })
    for (const client of [POD, HOST]) {
      expect(ask('10.96.0.1', 80, client).backendId).toBe(10)
    }
  })

  it.each(EXTERNAL)(
    'class %i gives pods and this host the cluster list (TR-20, M5, M6, M7)',
    (frontendClass) => {
      settings('DETECTS_LOCAL_4')
      publish('203.0.113.1', 80, { frontendClass })
      for (const client of [POD, HOST]) {
        expect(ask('203.0.113.1', 80, client).backendId).toBe(20)
      }
    },
  )

  it.each(EXTERNAL)(
    'class %i gives pods that cannot be told the external list (TR-11)',
    (frontendClass) => {
      settings('DETECTS_LOCAL_6')
      publish('203.0.113.1', 80, { frontendClass })
      publish('2001:db8::1', 80, { frontendClass })
      expect(ask('203.0.113.1', 80, POD).backendId).toBe(30)
      expect(ask('203.0.113.1', 80, HOST).backendId).toBe(20)
      expect(ask('2001:db8::1', 80, POD).backendId).toBe(20)
    },
  )

  it('an empty list drops by the flag of that list alone (TR-12, TR-21, TR-22, TR-23)', () => {
    settings('DETECTS_LOCAL_4')
    const nothing = { internal: range(0, 0), cluster: range(0, 0), external: range(0, 0) }
    const flags = INTERNAL_DROP | EXTERNAL_DROP
    publish('10.96.0.1', 80, { ...nothing, flags })
    publish('203.0.113.1', 80, { ...nothing, flags, frontendClass: kpClass.EXTERNAL_IP })
    expect(ask('10.96.0.1', 80, POD).verdict).toBe(Verdict.DROP)
    expect(ask('203.0.113.1', 80, POD).verdict).toBe(Verdict.REFUSE)
    settings()
    expect(ask('203.0.113.1', 80, POD).verdict).toBe(Verdict.DROP)
  })
})

describe('NodePorts', () => {
  const nodePort = { frontendClass: kpClass.NODE_PORT }

  it('answer at every address of the node that serves them, and at no other (TR-40, TR-41)', () => {
    publish('0.0.0.0', 30_080, nodePort)
    role(NODE_IP, kpAddressRole.NODE_PORTS)
    role('10.96.0.1', kpAddressRole.CLUSTER_IP)
    expect(ask(NODE_IP, 30_080, HOST).verdict).toBe(Verdict.TRANSLATE)
    expect(ask(NODE_IP, 30_080, POD).verdict).toBe(Verdict.TRANSLATE)
    expect(ask(NODE_IP, 30_081, HOST).verdict).toBe(Verdict.PASS)
    expect(ask('172.20.0.12', 30_080, HOST).verdict).toBe(Verdict.PASS)
    expect(ask('10.96.0.1', 30_080, HOST).verdict).toBe(Verdict.REFUSE)
  })

  it('of one family do not answer in the other, nor in another protocol (TR-1, TR-47)', () => {
    publish('0.0.0.0', 30_080, nodePort)
    publish('::', 30_081, nodePort, UDP)
    role(NODE_IP, kpAddressRole.NODE_PORTS)
    role('fd00:20::11', kpAddressRole.NODE_PORTS)
    expect(ask('fd00:20::11', 30_080, HOST).verdict).toBe(Verdict.PASS)
    expect(ask(NODE_IP, 30_080, HOST, UDP).verdict).toBe(Verdict.PASS)
    expect(ask('fd00:20::11', 30_081, HOST, UDP).verdict).toBe(Verdict.TRANSLATE)
    expect(ask('fd00:20::11', 30_081, HOST).verdict).toBe(Verdict.PASS)
  })

  it('give way to a frontend of the same address and port', () => {
    settings('DETECTS_LOCAL_4')
    publish('0.0.0.0', 30_080, nodePort)
    publish(NODE_IP, 30_080, { frontendClass: kpClass.CLUSTER_IP })
    role(NODE_IP, kpAddressRole.NODE_PORTS)
    expect(ask(NODE_IP, 30_080, POD).backendId).toBe(10)
  })

  it('answer this host alone at loopback addresses, if they are asked for (TR-44)', () => {
    publish('0.0.0.0', 30_080, nodePort)
    for (const address of ['127.0.0.1', '127.9.9.9', '0.0.0.0']) {
      expect(ask(address, 30_080, HOST).verdict).toBe(Verdict.PASS)
    }
    settings('LOOPBACK_NODE_PORTS', 'DETECTS_LOCAL_4')
    for (const address of ['127.0.0.1', '127.9.9.9', '0.0.0.0']) {
      expect(ask(address, 30_080, HOST).backendId).toBe(20)
      expect(ask(address, 30_080, POD).verdict).toBe(Verdict.PASS)
    }
  })

  it('answer this host alone at a loopback address that is listed (TR-41, TR-44)', () => {
    publish('0.0.0.0', 30_080, nodePort)
    role('127.0.0.1', kpAddressRole.NODE_PORTS)
    expect(ask('127.0.0.1', 30_080, HOST).verdict).toBe(Verdict.TRANSLATE)
    expect(ask('127.0.0.2', 30_080, HOST).verdict).toBe(Verdict.PASS)
    expect(ask('127.0.0.1', 30_080, POD).verdict).toBe(Verdict.PASS)
  })

  it('never answer at ::1 or :: (TR-45)', () => {
    settings('LOOPBACK_NODE_PORTS')
    publish('::', 30_080, nodePort)
    for (const address of ['::1', '::']) {
      expect(ask(address, 30_080, HOST).verdict).toBe(Verdict.PASS)
    }
  })
})

describe('addresses without a frontend for the port', () => {
  it('a ClusterIP refuses other ports and protocols (TR-1, TR-60)', () => {
    publish('10.96.0.1', 80, {})
    role('10.96.0.1', kpAddressRole.CLUSTER_IP)
    expect(ask('10.96.0.1', 81, POD).verdict).toBe(Verdict.REFUSE)
    expect(ask('10.96.0.1', 80, POD, UDP).verdict).toBe(Verdict.REFUSE)
    expect(resolver.reason('UNKNOWN_PORT')).toBe(2)
    expect(ask('10.96.0.1', 80, POD).verdict).toBe(Verdict.TRANSLATE)
  })

  it('a service range drops what no Service has, and leaves the rest alone (TR-61)', () => {
    serviceCidr('10.96.0.0/12')
    serviceCidr('fd00:10:96::/112')
    for (const address of ['10.96.0.0', '10.111.255.255', 'fd00:10:96::', 'fd00:10:96::ffff']) {
      expect(ask(address, 80, POD).verdict).toBe(Verdict.DROP)
    }
    expect(resolver.reason('NO_SERVICE')).toBe(4)
    for (const address of ['10.95.255.255', '10.112.0.0', 'fd00:10:96::1:0', '::ffff:0:0:1']) {
      expect(ask(address, 80, POD).verdict).toBe(Verdict.PASS)
    }
  })
})

describe('source ranges of LoadBalancer IPs', () => {
  const limited = { frontendClass: kpClass.LOAD_BALANCER_IP, flags: SOURCE_RANGES }

  beforeEach(() => settings('DETECTS_LOCAL_4', 'DETECTS_LOCAL_6'))

  it('let both ends of a range in, and nobody beyond (TR-31, TR-32)', () => {
    publish('203.0.113.1', 80, limited)
    sourceRange(1, '10.244.1.0/25')
    const verdicts = ['10.244.0.255', '10.244.1.0', '10.244.1.127', '10.244.1.128'].map(
      (source) => ask('203.0.113.1', 80, { source }).verdict,
    )
    const { DROP, TRANSLATE } = Verdict
    expect(verdicts).toEqual([DROP, TRANSLATE, TRANSLATE, DROP])
    expect(resolver.reason('SOURCE_RANGE')).toBe(2)
  })

  it('of IPv6 as well (TR-31)', () => {
    publish('2001:db8::1', 80, limited)
    sourceRange(1, 'fd00:10:244:1::/64')
    expect(ask('2001:db8::1', 80, { source: 'fd00:10:244:1::5' }).verdict).toBe(Verdict.TRANSLATE)
    expect(ask('2001:db8::1', 80, { source: 'fd00:10:244:2::5' }).verdict).toBe(Verdict.DROP)
  })

  it('are those of one Service (TR-31)', () => {
    publish('203.0.113.1', 80, limited)
    sourceRange(2, '10.244.1.0/24')
    expect(ask('203.0.113.1', 80, POD).verdict).toBe(Verdict.DROP)
  })

  it('do not concern the other classes of the Service (TR-30)', () => {
    publish('10.96.0.1', 80, { flags: SOURCE_RANGES })
    publish('198.51.100.1', 80, { flags: SOURCE_RANGES, frontendClass: kpClass.EXTERNAL_IP })
    publish('0.0.0.0', 30_080, { flags: SOURCE_RANGES, frontendClass: kpClass.NODE_PORT })
    role(NODE_IP, kpAddressRole.NODE_PORTS)
    const places = [
      ['10.96.0.1', 80],
      ['198.51.100.1', 80],
      [NODE_IP, 30_080],
    ] as const
    for (const [address, port] of places) {
      expect(ask(address, port, POD).verdict).toBe(Verdict.TRANSLATE)
    }
  })

  it('let this host in if its own address is in one (TR-33, TR-35)', () => {
    publish('203.0.113.1', 80, limited)
    expect(ask('203.0.113.1', 80, HOST).verdict).toBe(Verdict.DROP)
    publish('203.0.113.1', 80, { ...limited, flags: SOURCE_RANGES | NODE_IN_RANGES })
    expect(ask('203.0.113.1', 80, HOST).verdict).toBe(Verdict.TRANSLATE)
    expect(ask('203.0.113.1', 80, POD).verdict).toBe(Verdict.DROP)
  })

  it('keep out whose address is not known', () => {
    publish('203.0.113.1', 80, limited)
    sourceRange(1, '10.244.1.0/24')
    expect(ask('203.0.113.1', 80, {}).verdict).toBe(Verdict.DROP)
  })

  it('hold without endpoints, as in nftables mode: outsiders are dropped, others refused (TR-34)', () => {
    publish('203.0.113.1', 80, { ...limited, cluster: range(0, 0) })
    sourceRange(1, '10.244.1.0/24')
    expect(ask('203.0.113.1', 80, POD).verdict).toBe(Verdict.REFUSE)
    expect(ask('203.0.113.1', 80, { source: '10.9.9.9' }).verdict).toBe(Verdict.DROP)
  })
})

describe('affinity over classes', () => {
  it('is one memory for all frontends of a service port (SA-1)', () => {
    settings('DETECTS_LOCAL_4')
    for (let slot = 0; slot < 16; slot++)
      resolver.slot(100 + slot, `10.244.9.${slot + 1}`, 500 + slot)
    for (let slot = 0; slot < 16; slot++) resolver.member(1, 500 + slot, 1, 1, 1)
    const all = range(100, 16)
    const record = { internal: all, cluster: all, external: all, affinitySeconds: 600 }
    publish('10.96.0.1', 80, record)
    publish('203.0.113.1', 80, { ...record, frontendClass: kpClass.LOAD_BALANCER_IP })
    publish('0.0.0.0', 30_080, { ...record, frontendClass: kpClass.NODE_PORT })
    role(NODE_IP, kpAddressRole.NODE_PORTS)
    for (let netns = 1n; netns <= 20n; netns++) {
      const first = ask('10.96.0.1', 80, { netns }).backendId
      expect(ask('203.0.113.1', 80, { netns }).backendId).toBe(first)
      expect(ask(NODE_IP, 30_080, { netns }).backendId).toBe(first)
    }
  })

  it('does not lead out of the list that applies (SA-2, SA-3)', () => {
    settings('DETECTS_LOCAL_4')
    resolver.member(1, 10, 1, 0, 0)
    resolver.member(1, 20, 0, 1, 0)
    publish('10.96.0.1', 80, { affinitySeconds: 600 })
    publish('203.0.113.1', 80, { affinitySeconds: 600, frontendClass: kpClass.EXTERNAL_IP })
    expect(ask('10.96.0.1', 80, POD).backendId).toBe(10)
    expect(ask('203.0.113.1', 80, POD).backendId).toBe(20)
    expect(ask('10.96.0.1', 80, POD).backendId).toBe(10)
  })
})

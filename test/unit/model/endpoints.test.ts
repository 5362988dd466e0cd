import { describe, expect, it } from 'vitest'
import { active, desired, endpoint, modelOf, modelWith, only, service, slice } from './build.ts'

describe('EndpointSlices', () => {
  it('count only with a service-name label (IN-20)', () => {
    const empty = slice('s', '', [endpoint('10.0.0.1')])
    const { metadata } = empty
    const without = { ...empty, metadata: { ...metadata, name: 't', labels: {} } }
    expect(active(only(service('web'), empty, without))).toEqual([])
  })

  it('count only in their own family; FQDN in none (IN-21)', () => {
    const port = only(
      service('web'),
      slice('a', 'web', [endpoint('10.0.0.1')]),
      slice('b', 'web', [endpoint('fd00::1')], { addressType: 'IPv6' }),
      slice('c', 'web', [endpoint('web.example')], { addressType: 'FQDN' }),
    )
    expect(active(port)).toEqual(['10.0.0.1'])
  })

  it('are united and matched by port name and protocol, not by number (IN-22)', () => {
    const ports = [
      { name: 'http', protocol: 'TCP', port: 8080 },
      { name: 'http', protocol: 'UDP', port: 8081 },
      { name: 'other', protocol: 'TCP', port: 8082 },
      { name: undefined, protocol: 'TCP', port: 8083 },
    ]
    const port = only(
      service('web', { ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 0 }] }),
      slice('a', 'web', [endpoint('10.0.0.2')], { ports }),
      slice('b', 'web', [endpoint('10.0.0.1')], { ports }),
    )
    expect(port.internal.active.map(({ address, port }) => [address, port])).toEqual([
      ['10.0.0.1', 8080],
      ['10.0.0.2', 8080],
    ])
  })

  it.each([undefined, 0])('ignore a port whose number is %s (IN-22)', (number) => {
    const ports = [{ name: '', protocol: 'TCP', port: number }]
    expect(
      active(only(service('web'), slice('a', 'web', [endpoint('10.0.0.1')], { ports }))),
    ).toEqual([])
  })

  it('bring their own port number each (IN-23)', () => {
    const port = only(
      service('web'),
      slice('a', 'web', [endpoint('10.0.0.1')]),
      slice('b', 'web', [endpoint('10.0.0.2')], {
        ports: [{ name: '', protocol: 'TCP', port: 9090 }],
      }),
    )
    expect(port.internal.active.map((backend) => backend.port)).toEqual([8080, 9090])
  })

  it('wait for their Service (IN-30)', () => {
    const early = modelOf(slice('a', 'web', [endpoint('10.0.0.1')]))
    expect(early.take()).toEqual([])
    early.apply({ type: 'set', object: service('web'), receivedAt: 0 })
    const [change] = early.take()
    expect(change?.type === 'set' && active(change.port)).toEqual(['10.0.0.1'])
  })
})

describe('endpoints', () => {
  it('are local only by node name (IN-26)', () => {
    const port = only(
      service('web'),
      slice('a', 'web', [
        endpoint('10.0.0.1', { nodeName: 'n1' }),
        endpoint('10.0.0.2', { nodeName: 'n2' }),
        endpoint('10.0.0.3', { nodeName: undefined }),
      ]),
    )
    expect(port.internal.active.map((backend) => backend.local)).toEqual([true, false, false])
  })

  it('are never local to an agent without a node name (IN-26)', () => {
    const unnamed = endpoint('10.0.0.1', { nodeName: '' })
    const [change] = modelWith(
      { nodeName: '' },
      service('web'),
      slice('a', 'web', [unnamed]),
    ).take()
    expect(change?.type === 'set' && change.port.internal.active[0]?.local).toBe(false)
  })

  it('are sorted by address and port, as bytes (IN-29)', () => {
    const addresses = ['10.0.0.9', '10.0.0.10', '10.0.0.1']
    const port = only(
      service('web'),
      slice(
        'a',
        'web',
        addresses.map((a) => endpoint(a)),
      ),
    )
    expect(active(port)).toEqual(['10.0.0.10', '10.0.0.1', '10.0.0.9'])
  })

  it('are one where two slices name the same address and port; a living one wins (IN-31)', () => {
    const dying = endpoint('10.0.0.1', { ready: false, terminating: true, targetUid: 'old' })
    const living = endpoint('10.0.0.1', { targetUid: 'new' })
    for (const [a, b] of [
      [dying, living],
      [living, dying],
    ] as const) {
      const port = only(service('web'), slice('a', 'web', [a]), slice('b', 'web', [b]))
      expect(port.internal.active.map((backend) => backend.targetUid)).toEqual(['new'])
    }
  })

  it('are canonical: zeros are dropped and v4-mapped is IPv4 (IN-9)', () => {
    const port = only(
      service('web'),
      slice('a', 'web', [endpoint('010.000.0.1'), endpoint('::ffff:10.0.0.2')]),
    )
    expect(active(port)).toEqual(['10.0.0.1', '10.0.0.2'])
  })

  it('with an absurd address are left out and reported; the others serve', () => {
    const model = modelOf(
      service('web'),
      slice('a', 'web', [endpoint('10.0.0.300'), endpoint('10.0.0.2')]),
    )
    const [change] = model.take()
    expect(change?.type === 'set' && active(change.port)).toEqual(['10.0.0.2'])
    expect(model.problems()).toEqual([
      {
        subject: 'EndpointSlice default/a',
        message: 'endpoint address "10.0.0.300" is not an IPv4 address',
      },
    ])
  })
})

describe('service ports', () => {
  it('exist once for each family that the Service has (IN-7)', () => {
    const dual = service('web', {
      clusterIP: 'fd00::1',
      clusterIPs: ['fd00::1', '10.96.0.1'],
      ipFamilies: ['IPv6', 'IPv4'],
    })
    const ports = desired(dual, slice('a', 'web', [endpoint('10.0.0.1')]))
    expect([...ports.keys()].sort()).toEqual(['default/web:/TCP/4', 'default/web:/TCP/6'])
    expect(ports.get('default/web:/TCP/6')?.frontends[0]?.address).toBe('fd00::1')
    expect(ports.get('default/web:/TCP/6')?.internal.active).toEqual([])
  })

  it('take clusterIP alone where ipFamilies is empty (IN-7)', () => {
    const old = service('web', { ipFamilies: [], clusterIPs: [], clusterIP: 'fd00::9' })
    expect([...desired(old).keys()]).toEqual(['default/web:/TCP/6'])
  })

  it('are distinct for one name with two protocols (IN-8)', () => {
    const dns = service('dns', {
      ports: [
        { name: 'dns', protocol: 'TCP', port: 53, nodePort: 0 },
        { name: 'dns', protocol: 'UDP', port: 53, nodePort: 0 },
      ],
    })
    expect([...desired(dns).keys()].sort()).toEqual([
      'default/dns:dns/TCP/4',
      'default/dns:dns/UDP/4',
    ])
  })

  it.each([
    [{ ports: [{ name: 'x', protocol: 'TCP', port: 70_000, nodePort: 0 }] }, 'port is 70000'],
    [{ ports: [{ name: 'x', protocol: 'TCP', port: 0, nodePort: 0 }] }, 'port is 0'],
    [{ ports: [{ name: 'x', protocol: 'ICMP', port: 80, nodePort: 0 }] }, 'protocol is "ICMP"'],
    [{ clusterIPs: ['nonsense'] }, 'clusterIP "nonsense" is not an IP address'],
  ])('with absurd content are left out and reported: %j', (change, words) => {
    const good = service('good', { clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2'] })
    const model = modelOf(service('bad', change), good)
    expect(model.take().map((change) => change.key)).toEqual(['default/good:/TCP/4'])
    expect(model.problems()).toHaveLength(1)
    expect(model.problems()[0]?.subject).toBe('Service default/bad')
    expect(model.problems()[0]?.message).toContain(words)
    model.apply({ type: 'set', object: service('bad'), receivedAt: 0 })
    expect(model.take()).toHaveLength(1)
    expect(model.problems()).toEqual([])
  })

  it('lose an absurd affinity timeout, but serve', () => {
    const model = modelOf(
      service('web', { sessionAffinity: 'ClientIP', sessionAffinitySeconds: 90_000 }),
    )
    const [change] = model.take()
    expect(change?.type === 'set' && change.port.affinitySeconds).toBe(0)
    expect(model.problems()[0]?.message).toContain('timeoutSeconds is 90000')
  })

  it('give a frontend that two Services claim to the first by key, and to the other later (TR-6)', () => {
    const model = modelOf(service('b'), service('a'))
    expect(model.take().map((change) => `${change.type} ${change.key}`)).toEqual([
      'set default/a:/TCP/4',
    ])
    expect(model.problems()).toEqual([
      {
        subject: 'Service default/b',
        message:
          '10.96.0.1:80/TCP goes to Service default/a, which precedes this one by class of address, age or name; change one of the two',
      },
    ])
    model.apply({
      type: 'delete',
      kind: 'Service',
      namespace: 'default',
      name: 'a',
      receivedAt: 0,
    })
    expect(model.take().map((change) => `${change.type} ${change.key}`)).toEqual([
      'delete default/a:/TCP/4',
      'set default/b:/TCP/4',
    ])
    expect(model.problems()).toEqual([])
  })
})

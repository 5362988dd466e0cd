import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { cgroup2Mount } from '../lab/host.ts'
import { connectOnce, Lab, type Place, probe, serve, stream } from '../lab/index.ts'

let lab: Lab
let client: Place

beforeAll(async () => {
  lab = await Lab.create({
    nodes: [
      { name: 'n1', pods: ['client', 'web-1'] },
      { name: 'n2', pods: ['web-2'] },
    ],
    machines: ['control'],
    outside: true,
  })
  client = lab.node('n1').pod('client')
  await serve(lab.node('n1').pod('web-1'), { ports: [80] })
  await serve(lab.node('n2').pod('web-2'), { ports: [80] })
})

afterAll(() => lab.destroy())

describe('network', () => {
  const from: Record<string, () => Place> = {
    'a pod': () => client,
    'its node': () => lab.node('n1'),
    'another node': () => lab.node('n2'),
    'a machine without pods': () => lab.machine('control'),
  }
  for (const [who, place] of Object.entries(from)) {
    for (const family of ['ipv4', 'ipv6'] as const) {
      for (const transport of ['tcp', 'udp'] as const) {
        test(`${who} reaches pods of both nodes, ${family} ${transport}`, async () => {
          for (const pod of [lab.node('n1').pod('web-1'), lab.node('n2').pod('web-2')]) {
            const result = await connectOnce(place(), pod.addresses[family], 80, { transport })
            expect(result).toMatchObject({ ok: true, server: pod.name })
          }
        })
      }
    }
  }

  test('pods see the address of the pod that connects', async () => {
    const { addresses } = lab.node('n2').pod('web-2')
    const ipv4 = await connectOnce(client, addresses.ipv4, 80)
    expect(ipv4.seen).toMatch(/^10\.244\.1\.2:/)
    const ipv6 = await connectOnce(client, addresses.ipv6, 80)
    expect(ipv6.seen).toMatch(/^\[fd00:10:244:1::2\]:/)
  })

  test('the outside client reaches nodes but not pods', async () => {
    const server = await serve(lab.node('n1'), { ports: [8080], protocol: 'TCP' })
    const { ipv4, ipv6 } = lab.node('n1').addresses
    for (const address of [ipv4, ipv6]) {
      expect(await connectOnce(lab.outside, address, 8080)).toMatchObject({ server: 'n1' })
    }
    const pod = lab.node('n1').pod('web-1').addresses.ipv4
    expect(await connectOnce(lab.outside, pod, 80, { timeout: 200 })).toMatchObject({ ok: false })
    await server.stop()
  })

  test('nodes and pods can be added and removed while it runs', async () => {
    const node = await lab.addNode({ name: 'n3', pods: ['late'] })
    const pod = await node.addPod('later')
    expect(pod.addresses).toEqual({ ipv4: '10.244.3.3', ipv6: 'fd00:10:244:3::3' })
    await serve(pod, { ports: [80] })
    expect(await connectOnce(client, pod.addresses.ipv6, 80)).toMatchObject({ server: 'later' })

    await node.removePod('later')
    const again = await node.addPod('reborn', pod.number)
    expect(await connectOnce(client, again.addresses.ipv4, 80)).toMatchObject({
      errno: 'ECONNREFUSED',
    })
  })
})

test('a pod is there when its IPv6 addresses can be used, not when they are listed', async () => {
  const node = await lab.addNode({ name: 'n4' })
  const directory = mkdtempSync(join(tmpdir(), 'kproxy-ip-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const questions = join(directory, 'questions')
  writeFileSync(questions, '')
  // The real tool, but for the first three questions the kernel is not there yet.
  const ip = [
    '#!/bin/sh',
    `case "$*" in *"table local"*) echo "$*" >>${questions}; [ $(wc -l <${questions}) -gt 3 ] || exit 0 ;; esac`,
    `PATH=\${PATH#*:} exec ip "$@"`,
  ]
  writeFileSync(join(directory, 'ip'), ip.join('\n'), { mode: 0o755 })
  const { pod, text } = node.declarePod('patient')
  await node.shell(`export PATH=${directory}:$PATH\n${text}`)
  const asked = readFileSync(questions, 'utf8').trim().split('\n')
  expect(asked.length).toBeGreaterThan(3)
  for (const question of asked.slice(0, 4)) expect(question).toContain(pod.addresses.ipv6)
})

describe('places', () => {
  test('a node sees its own cgroup as the root, with its pods below', async () => {
    const { stdout } = await lab.node('n1').exec(['ls', '/sys/fs/cgroup/pods'])
    expect(stdout).toMatch(/client\n.*web-1\n/s)
    const own = await lab.node('n1').exec(['grep', '^0::', '/proc/self/cgroup'])
    expect(own.stdout).toBe('0::/\n')
    const pods = await client.exec(['grep', '^0::', '/proc/self/cgroup'])
    expect(pods.stdout).toBe('0::/pods/client\n')
  })

  test('a node has host name, bpffs, /run and one cgroup2 mount of its own', async () => {
    const node = lab.node('n1')
    expect((await node.exec(['hostname'])).stdout).toBe('n1\n')
    await node.exec(['mkdir', '/run/mine', '/sys/fs/bpf/mine'])
    await expect(lab.node('n2').exec(['ls', '/run/mine'])).rejects.toThrow(/n2: ls .*exited with 2/)
    await expect(lab.node('n2').exec(['ls', '/sys/fs/bpf/mine'])).rejects.toThrow(/exited with 2/)
    const { stdout } = await node.exec(['cat', '/proc/self/mountinfo'])
    expect(stdout.match(/ - cgroup2 /g)).toHaveLength(1)
    expect(cgroup2Mount(stdout)).toBe('/sys/fs/cgroup')
  })

  test('the first cgroup2 mount is found wherever it is, and missing it says what to do', () => {
    const hybrid = [
      '31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw',
      '32 31 0:29 / /sys/fs/cgroup/cpu rw shared:3 - cgroup cgroup rw,cpu',
      '41 31 0:38 / /sys/fs/cgroup/unified rw shared:4 - cgroup2 cgroup2 rw',
    ]
    expect(cgroup2Mount(hybrid.join('\n'))).toBe('/sys/fs/cgroup/unified')
    expect(() => cgroup2Mount(hybrid.slice(0, 2).join('\n'))).toThrow(/mount -t cgroup2/)
  })

  test('exec passes input, output, arguments and directory through unchanged', async () => {
    const { stdout } = await client.exec(['sh', '-c', 'pwd; cat; echo "$1"', 'sh', '$HOME "x" *'], {
      input: 'line\n',
      cwd: '/usr',
    })
    expect(stdout).toBe('/usr\nline\n$HOME "x" *\n')
  })
})

describe('clients', () => {
  test('a refused connection names errno and the call that failed', async () => {
    const { ipv4 } = lab.node('n2').pod('web-2').addresses
    expect(await connectOnce(client, ipv4, 81)).toMatchObject({
      ok: false,
      errno: 'ECONNREFUSED',
      stage: 'connect',
    })
  })

  test('a v4-mapped client shows mapped addresses and reaches the IPv4 server', async () => {
    const { ipv4 } = lab.node('n2').pod('web-2').addresses
    for (const transport of ['tcp', 'udp-connected'] as const) {
      const result = await connectOnce(client, `::ffff:${ipv4}`, 80, { transport })
      expect(result).toMatchObject({ server: 'web-2', peername: `[::ffff:${ipv4}]:80` })
    }
  })

  test('a prober counts servers and errors until it is stopped', async () => {
    const pod = await lab.node('n2').addPod('brief')
    const prober = probe(client, pod.addresses.ipv4, 80)
    await prober.failed('ECONNREFUSED')
    const server = await serve(pod, { ports: [80] })
    await prober.met('brief')
    await server.stop()
    const summary = await prober.stop()
    expect(summary.servers.brief).toBe(summary.ok)
    expect(summary.errors.ECONNREFUSED).toBe(summary.tries - summary.ok)
  })

  test('a stream notices when its server goes', async () => {
    const pod = await lab.node('n2').addPod('mortal')
    const server = await serve(pod, { ports: [80] })
    const healthy = stream(client, pod.addresses.ipv6, 80)
    const doomed = stream(client, pod.addresses.ipv4, 80)
    await Promise.all([healthy.met('mortal'), doomed.met('mortal')])
    expect(await healthy.stop()).toMatchObject({ error: '', server: 'mortal' })
    await server.stop('SIGKILL')
    expect(await doomed.ended()).toMatchObject({ error: expect.stringMatching(/^E/) })
  })
})

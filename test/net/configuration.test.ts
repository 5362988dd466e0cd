import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connectOnce, httpGet, Kproxy, kproxy, nodeManifest, probe } from '../lab/index.ts'
import { HEAD, OWN_HEAD } from '../unit/config/configure.ts'
import { clusterIPs, Stage } from './stage.ts'

const web = { name: 'web', clusterIPs: clusterIPs(10), ports: [{ port: 80, targetPort: 8080 }] }

let stage: Stage
let directory: string
let config: string
let agent: Kproxy | undefined

beforeAll(async () => {
  stage = await Stage.build((put, lab) => put(web, [lab.node('n1').pod('web-1')]))
  await stage.agent.kill('SIGTERM')
  directory = mkdtempSync(join(tmpdir(), 'kproxy-config-'))
  config = join(directory, 'config.conf')
})

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

beforeEach(() =>
  write(
    'mode: iptables\nclusterCIDR: 10.244.0.0/16\nconntrack: {maxPerCore: 0}\noomScoreAdj: 500\n',
  ),
)

afterEach(async () => {
  await agent?.kill('SIGTERM')
  agent = undefined
})

/** Writes the file of --config: these fields, and where Services come from. */
function write(fields: string): void {
  const own = `---\n${OWN_HEAD}manifests: ${stage.manifests.path}\n`
  writeFileSync(config, `${HEAD}${fields}${own}`)
}

async function start(...args: readonly string[]): Promise<Kproxy> {
  agent = new Kproxy(stage.n1, { args: ['--config', config, ...args] })
  await agent.synced()
  return agent
}

describe('an agent with a configuration file', () => {
  test('serves Services as the file says, and status and log say what it makes of it', async () => {
    const running = await start()
    expect(await connectOnce(stage.client, web.clusterIPs[0], 80)).toMatchObject({ ok: true })
    const mode = `mode is "iptables": kproxy runs its eBPF mode in place of kube-proxy's iptables mode`
    expect(running.log).toContain(`configuration: ${config}:3:1: ${mode.replaceAll('"', '\\"')}`)
    const { stdout, code } = await kproxy(stage.n1, 'status', '-o', 'wide')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Config: +\S+config.conf, 2 notices \(-o wide\)$/m)
    expect(stdout).toContain(`notice: ${config}:3:1: ${mode}`)
    const { pid } = await running.status()
    expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()).toBe('500')
  })

  test('keeps its configuration when the file becomes unusable, and says so (CF-10)', async () => {
    const running = await start()
    write('mode: fast\n')
    const refused = async () => (await running.status()).configuration.refused
    await running.until('a refusal', async () => (await refused()).length === 1)
    expect(await refused()).toEqual([
      `${config}:3:1: mode is "fast": write "", ebpf, iptables, ipvs or nftables`,
    ])
    const status = await kproxy(stage.n1, 'status')
    expect(status.code).toBe(3)
    expect(status.stdout).toMatch(
      /^ConfigurationCurrent=False Refused: .*config.conf has changed and is refused, so what it said before is in force: .*mode is "fast"/m,
    )
    expect(running.log).toMatch(
      /"level":50.*changed configuration refused; the one before stays in force/,
    )
    write(
      'mode: iptables\nclusterCIDR: 10.244.0.0/16\nconntrack: {maxPerCore: 0}\noomScoreAdj: 500 # as before\n',
    )
    await running.until('no refusal', async () => (await refused()).length === 0)
    expect((await kproxy(stage.n1, 'status')).code).toBe(0)
  })

  test('ends to be started again when the file asks for something else; traffic goes on (CF-10)', async () => {
    const running = await start()
    const prober = probe(stage.client, web.clusterIPs[0], 80)
    write('clusterCIDR: 10.245.0.0/16\n')
    const { code, stderr } = await running.wait()
    expect(code).toBe(1)
    expect(stderr).toMatch(/the configuration file was updated; ending to be started again with it/)
    await running.restart()
    const { tries, ok } = await prober.stop()
    expect(tries).toBeGreaterThan(0)
    expect(ok).toBe(tries)
  })

  test.each([
    ['[primary]', 'TR-42'],
    ['[172.20.0.0/16, "fd00:20::/32"]', 'TR-41'],
  ])(
    'answers health checks at the node addresses of nodePortAddresses %s alone (HL-10, %s)',
    async (list) => {
      const port = 32_110
      const { ipv4, ipv6 } = stage.n1.addresses
      const balanced = {
        ...{ name: 'balanced', clusterIPs: clusterIPs(11), ports: web.ports },
        spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: port },
      }
      stage.put(balanced, [stage.web(1)])
      write(`nodePortAddresses: ${list}\n`)
      const running = await start()
      for (const host of [ipv4, `[${ipv6}]`]) {
        const url = `http://${host}:${port}/`
        await running.until(
          `${url} answers`,
          async () => (await httpGet(stage.n2, url)).code === 200,
        )
      }
      for (const host of ['127.0.0.1', '[::1]']) {
        await expect(httpGet(stage.n1, `http://${host}:${port}/`)).rejects.toThrow('ECONNREFUSED')
      }
      stage.manifests.delete('balanced')
    },
  )

  test('takes its node name from the flag before the file (IN-40)', async () => {
    write('hostnameOverride: other\n')
    const running = await start()
    expect((await running.status()).nodeName).toBe('n1')
  })
})

describe('an agent in detectLocalMode NodeCIDR', () => {
  const nodes = (change: object) => {
    const [first = {}, ...rest] = stage.lab.nodes.map(nodeManifest)
    stage.manifests.put('nodes', [{ ...first, ...change }, ...rest])
  }

  beforeEach(() => write('detectLocalMode: NodeCIDR\n'))
  afterEach(() => nodes({}))

  test('ends to be started again when the podCIDRs of its Node change; traffic goes on (IN-51)', async () => {
    const running = await start()
    const prober = probe(stage.client, web.clusterIPs[0], 80)
    nodes({ spec: { podCIDRs: ['10.99.0.0/24'] } })
    const { code, stderr } = await running.wait()
    expect(code).toBe(1)
    expect(stderr).toMatch(/the Node's podCIDRs have changed from \S+, \S+ to 10\.99\.0\.0\/24/)
    await running.restart()
    const { tries, ok } = await prober.stop()
    expect(tries).toBeGreaterThan(0)
    expect(ok).toBe(tries)
  })

  test('serves Services while it waits for podCIDRs, and for the Node itself (IN-50)', async () => {
    for (const change of [{ spec: {} }, { metadata: { name: 'another' } }]) {
      nodes(change)
      const running = await start()
      expect(await connectOnce(stage.client, web.clusterIPs[0], 80)).toMatchObject({ ok: true })
      expect((await running.status()).health).toBe('healthy')
      await running.kill('SIGTERM')
    }
  })
})

describe('where /proc/sys is read-only', () => {
  const readOnly = (...command: readonly string[]) => {
    const mount = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys'
    return stage.n1.exec(['unshare', '-m', 'sh', '-c', `${mount} && exec "$@"`, 'sh', ...command], {
      check: false,
    })
  }

  test('a setting that is asked for is named, with what to do (CF-20)', async () => {
    const script = `
      import { writeSysctls } from '${join(import.meta.dirname, '../../control/node/sysctl.ts')}'
      const write = { path: 'net/core/somaxconn', value: 4097, field: 'conntrack.min' }
      process.stdout.write(writeSysctls([write])[0].message)`
    const { stdout } = await readOnly(process.execPath, '--input-type=module', '--eval', script)
    expect(stdout).toBe(
      'net.core.somaxconn cannot be set to 4097, which conntrack.min asks for (EROFS): set it on the ' +
        'host, run "kproxy run --init-only" privileged, or set conntrack.min to 0 to leave it alone',
    )
  })

  test('kproxy initialises the node all the same, since its mode needs no conntrack', async () => {
    write('conntrack: {maxPerCore: 1000000, min: 1000000, udpTimeout: 7s}\n')
    const run = ['build/bin/kproxy', 'run', '--config', config, '--node-name', 'n1', '--init-only']
    const { code, stderr } = await readOnly(...run)
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('initialised'),
    })
    expect(stderr).not.toContain('cannot be set')
  })
})

describe('kproxy run that does one thing and ends', () => {
  const run = (...args: readonly string[]) =>
    kproxy(stage.n1, 'run', '--config', config, '--node-name', 'n1', ...args)

  test('--init-only loads, attaches and pins everything, and the agent adopts it (IO-1)', async () => {
    expect((await kproxy(stage.n1, 'cleanup', '--node-name', 'n1')).code).toBe(0)
    const { code, stderr } = await run('--init-only')
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/programs attached.*initialised/s),
    })
    expect((await kproxy(stage.n1, 'dump', 'meta', '--node-name', 'n1')).code).toBe(0)
    const running = await start()
    expect((await running.status()).hooks.every(({ attached }) => attached)).toBe(true)
  })

  test('--cleanup removes what kproxy put on the node (CF-30)', async () => {
    await (await start()).kill('SIGTERM')
    const { code, stdout } = await run('--cleanup')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^removed .*\/kproxy\/n1/m)
    expect((await run('--cleanup')).stdout).toMatch(/^Nothing of kproxy is pinned in/m)
  })

  test('--cleanup refuses while an agent runs', async () => {
    await start()
    const { code, stderr } = await run('--cleanup')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: .*agent/m)
  })
})

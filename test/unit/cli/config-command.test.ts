import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { KUBE_PROXY_FLAGS, OTHER_FLAGS } from '../../../control/config/flags.ts'
import { HEAD, OWN_HEAD } from '../config/configure.ts'

const root = join(import.meta.dirname, '../../..')
const program = join(root, 'build/bin/kproxy')
let directory: string

beforeAll(() => {
  if (!existsSync(program)) throw new Error(`${program} is missing: run make`)
  directory = mkdtempSync(join(tmpdir(), 'kproxy-cli-'))
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

function kproxy(...args: readonly string[]) {
  return run(program, args)
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { NODE_NAME: _, KUBECONFIG: __, ...inherited } = process.env
  const options = { encoding: 'utf8', env: { ...inherited, ...env }, cwd: directory } as const
  const { status, stdout, stderr } = spawnSync(command, args, options)
  return { status, stdout, stderr }
}

/** A file in the working directory of the command. */
function file(name: string, text: string): string {
  writeFileSync(join(directory, name), text)
  return name
}

describe('kproxy config check', () => {
  it('is content with what kubeadm writes', () => {
    const path = join(root, 'test/unit/config/fixtures/kubeadm.conf')
    const { status, stdout, stderr } = kproxy('config', 'check', path)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/: good\n$/)
  })

  it('ends with 2 for what would not start, with a line for each problem', () => {
    const bad = file(
      'bad.yaml',
      `${HEAD}mode: fast\nclusterCIRD: 10.0.0.0/8\nconntrack:\n  min: -1\n`,
    )
    expect(kproxy('config', 'check', bad)).toEqual({
      status: 2,
      stdout: `notice: bad.yaml:1:1: nodePortAddresses is not set, so NodePorts belong to every address of this node: write [primary] for its own addresses alone
error: bad.yaml:3:1: mode is "fast": write "", ebpf, iptables, ipvs or nftables
warning: bad.yaml:4:1: clusterCIRD is not a field of KubeProxyConfiguration: did you mean clusterCIDR? kproxy ignores it, as kube-proxy does
error: bad.yaml:6:3: conntrack.min is -1: write a whole number of at least 0
bad.yaml: refused
`,
      stderr: '',
    })
  })

  it('ends with 3 for what would start without some of it', () => {
    const odd = file('odd.yaml', `${HEAD}metadata: {name: config}\n`)
    const { status, stdout } = kproxy('config', 'check', odd)
    expect(status).toBe(3)
    expect(stdout).toMatch(
      /^warning: odd.yaml:3:1: metadata is not a field.*\nodd.yaml: partly heeded\n$/ms,
    )
  })

  it('prints a document for scripts', () => {
    const bad = file('bad.json', `${HEAD}oomScoreAdj: 2000\nnodePortAddresses: [primary]\n`)
    const { status, stdout } = kproxy('config', 'check', bad, '-o', 'json')
    expect(status).toBe(2)
    expect(JSON.parse(stdout)).toEqual({
      apiVersion: 'kproxy.dev/v1alpha1',
      kind: 'ConfigurationCheck',
      file: 'bad.json',
      verdict: 'refused',
      problems: [
        {
          severity: 'error',
          at: 'bad.json:3:1',
          path: 'oomScoreAdj',
          message: 'oomScoreAdj is 2000: write a whole number between -1000 and 1000',
        },
      ],
    })
  })

  it('names a file that is not there', () => {
    const { status, stdout } = kproxy('config', 'check', 'none.yaml')
    expect(status).toBe(2)
    expect(stdout).toMatch(/^error: none.yaml: the file cannot be read: ENOENT/)
  })
})

describe('kproxy config print', () => {
  const fields = `${HEAD}mode: ipvs\nnodePortAddresses: [primary]\n---\n${OWN_HEAD}maxServices: 9\n`

  it('shows values and where they come from', () => {
    const { status, stdout } = kproxy('config', 'print', '--config', file('c.yaml', fields), '-v=4')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^FIELD +VALUE +SOURCE$/m)
    expect(stdout).toMatch(/^mode +ipvs +c.yaml:3:1$/m)
    expect(stdout).toMatch(/^logging.verbosity +4 +--v$/m)
    expect(stdout).toMatch(/^oomScoreAdj +-999 +default$/m)
    expect(stdout).toMatch(/^maxServices +9 +c.yaml:8:1$/m)
  })

  it('takes the environment where nothing else speaks', () => {
    const { stdout } = run(program, ['config', 'print'], { NODE_NAME: 'N1', KUBECONFIG: '/k' })
    expect(stdout).toMatch(/^hostnameOverride +n1 +\$NODE_NAME$/m)
    expect(stdout).toMatch(/^clientConnection.kubeconfig +\/k +\$KUBECONFIG$/m)
  })

  it('prints YAML that is a file again, and JSON for scripts', () => {
    const source = file('d.yaml', fields)
    const yaml = kproxy('config', 'print', '--config', source, '-o', 'yaml')
    const again = kproxy('config', 'print', '--config', file('e.yaml', yaml.stdout), '-o', 'yaml')
    const plain = (text: string) =>
      (parseAllDocuments(text) as { toJS(): unknown }[]).map((one) => one.toJS())
    expect(plain(again.stdout)).toEqual(plain(yaml.stdout))
    const { fields: rows } = JSON.parse(
      kproxy('config', 'print', '--config', source, '-o', 'json').stdout,
    )
    expect(rows).toContainEqual({ path: 'mode', value: 'ipvs', from: 'file', at: 'd.yaml:3:1' })
    expect(rows).toContainEqual({
      path: 'configSyncPeriod',
      value: '15m0s',
      from: 'default',
      at: '',
    })
  })

  it('says on stderr what of the command line does not count', () => {
    const { status, stderr } = kproxy(
      'config',
      'print',
      '--config',
      file('f.yaml', fields),
      '--cluster-cidr=10.0.0.0/8',
    )
    expect(status).toBe(0)
    expect(stderr).toMatch(
      /^warning: --cluster-cidr is ignored because --config is given; write clusterCIDR in the file/m,
    )
  })

  it('refuses what would not start', () => {
    const { status, stdout, stderr } = kproxy(
      'config',
      'print',
      '--proxy-mode=fast',
      '--oom-score-adj',
      'x',
    )
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toBe(`error: the configuration cannot be used:
  --oom-score-adj: oomScoreAdj is "x": write a number
  --proxy-mode: mode is "fast": write "", ebpf, iptables, ipvs or nftables
`)
  })
})

describe("kproxy run takes kube-proxy's command line", () => {
  const samples = { bool: 'true', number: '1', gates: 'AllAlpha=false', vmodule: 'a=1' }
  const odd: Readonly<Record<string, string>> = {
    'detect-local-mode': 'NodeCIDR',
    'log-json-info-buffer-size': '0',
    'log-json-split-stream': 'false',
    'log-text-info-buffer-size': '0',
    'log-text-split-stream': 'false',
    'logging-format': 'text',
    'proxy-mode': 'ipvs',
    'show-hidden-metrics-for-version': '1.35',
  }
  const sample = (name: string, kind: string): string => {
    if (odd[name] !== undefined) return odd[name]
    if (kind === 'list' || name === 'cluster-cidr') return '10.0.0.0/8'
    if (name.endsWith('-address')) return '127.0.0.1'
    if (/-(period|frequency)$|timeout/.test(name)) return '5s'
    return samples[kind as keyof typeof samples] ?? 'x'
  }
  const flags = [...KUBE_PROXY_FLAGS, ...OTHER_FLAGS].map(
    ({ name, kind }) => `--${name}=${sample(name, kind)}`,
  )

  it('all flags at once', () => {
    const { status, stderr } = kproxy('run', ...flags, '--write-config-to', 'all.yaml')
    expect({ status, errors: stderr.match(/"level":50.*/g) }).toEqual({ status: 0, errors: null })
    expect(readFileSync(join(directory, 'all.yaml'), 'utf8')).toMatch(/^clusterCIDR: 10.0.0.0\/8$/m)
  })

  it('and lists all of them in its help', () => {
    const { status, stdout } = kproxy('run', '--help')
    expect(status).toBe(0)
    for (const flag of [...flags, '--config', '--cleanup', '--init-only', '--version', '--help']) {
      expect(stdout).toContain(flag.split('=')[0])
    }
  })

  it.each([[['--version']], [['--version=raw']]])('%j prints the version', (args) => {
    expect(kproxy('run', ...args)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^kproxy \d/),
    })
  })

  it('under the name kube-proxy as well', () => {
    const link = join(directory, 'kube-proxy')
    symlinkSync(program, link)
    const { status, stdout } = run(link, ['--version'])
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^kproxy /) })
  })

  it('--write-config-to writes a file with all defaults that means the same', () => {
    const source = file('g.yaml', `${HEAD}mode: nftables\nconntrack: {min: 5}\n`)
    expect(kproxy('run', '--config', source, '--write-config-to', 'h.yaml').status).toBe(0)
    const text = readFileSync(join(directory, 'h.yaml'), 'utf8')
    expect(text).toMatch(/^nodePortAddresses:\n {2}- primary$/m)
    expect(text).toMatch(/^ {2}tcpEstablishedTimeout: 24h0m0s$/m)
    expect(kproxy('config', 'check', 'h.yaml').status).toBe(0)
  })

  it('--write-config-to names a file that cannot be written', () => {
    const { status, stderr } = kproxy('run', '--write-config-to', '/none/x')
    expect(status).toBe(1)
    expect(stderr).toMatch(/error: --write-config-to \/none\/x cannot be written: ENOENT/)
  })

  it('refuses a flag that nobody knows, and a bool that is none', () => {
    expect(kproxy('run', '--cluster-cdir=1').status).toBe(2)
    expect(kproxy('run', '--cleanup=perhaps')).toMatchObject({
      status: 2,
      stderr: 'error: --cleanup is "perhaps": write true or false\n',
    })
  })

  it('refuses a bad file with a line for each problem, before it touches anything', () => {
    const bad = file('i.yaml', `${HEAD}mode: fast\noomScoreAdj: 5000\n`)
    expect(kproxy('run', '--config', bad)).toEqual({
      status: 2,
      stdout: '',
      stderr: `error: the configuration cannot be used:
  i.yaml:3:1: mode is "fast": write "", ebpf, iptables, ipvs or nftables
  i.yaml:4:1: oomScoreAdj is 5000: write a whole number between -1000 and 1000
`,
    })
  })
})

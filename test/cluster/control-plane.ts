import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Agent } from 'undici'
import { ApiClient, type ApiObject } from './api.ts'
import { Daemon } from './daemon.ts'
import type { Host } from './host.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import { stockProgram } from './stock.ts'
import { waitFor } from './wait.ts'

/** Where the cluster's Services live. */
export const SERVICE_CIDRS = '10.96.0.0/16,fd00:10:96::/112'
export const API_PORT = 6443
/** A second door to the API server, behind a function of the test (`ControlPlane.interpose`). */
export const INTERPOSED_PORT = 6444

/** The name in the server's certificate that clients on a unix socket ask for. */
const SERVER_NAME = 'kubernetes.default.svc'
const TOKENS = {
  admin: 'admin-token',
  // Already bound to the role system:node-proxier: rights that we lack show as failures.
  proxy: 'proxy-token',
} as const

/**
 * etcd, kube-apiserver and kube-controller-manager on one host of the laboratory.
 *
 * The controller-manager runs the EndpointSlice controllers and no node or pod controller, so Pods
 * and Nodes that a test writes by hand stay as they are.
 */
export class ControlPlane {
  readonly host: Host
  /** Logs, certificates, kubeconfigs; removed by `stop`. */
  readonly directory: string
  /** What a client inside the laboratory connects to. */
  readonly server: string
  /** For the relay: the socket of a test's interposer, reached at INTERPOSED_PORT. */
  readonly interposerSocket: string
  /** Leads to the API server from any network namespace. */
  readonly apiSocket: string
  readonly #etcdSocket: string
  readonly #daemons: Daemon[] = []
  #apiServer: Daemon | undefined
  #client: ApiClient | undefined

  private constructor(host: Host) {
    this.host = host
    this.directory = mkdtempSync(join(host.directory, 'cluster-'))
    this.server = `https://${host.ipv4}:${API_PORT}`
    this.apiSocket = join(this.directory, 'api.sock')
    this.#etcdSocket = join(this.directory, 'etcd.sock')
    this.interposerSocket = join(this.directory, 'interposer.sock')
  }

  /** Starts everything and waits until Services get EndpointSlices. */
  static async start(host: Host): Promise<ControlPlane> {
    const plane = new ControlPlane(host)
    try {
      plane.#prepare()
      plane.#startEtcd()
      plane.#startRelay()
      plane.startApiServer()
      await plane.ready()
      plane.#startControllers()
      await waitFor('the EndpointSlice of default/kubernetes', () =>
        plane.client.get('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes'),
      )
      return plane
    } catch (error) {
      const logs = plane.#daemons.map((daemon) => `--- ${daemon.log}\n${daemon.tail()}`)
      await plane.stop()
      throw new Error(`${(error as Error).message}\n${logs.join('\n')}`, { cause: error })
    }
  }

  /** A client with all rights, usable from any network namespace. */
  get client(): ApiClient {
    this.#client ??= new ApiClient({
      socketPath: this.apiSocket,
      serverName: SERVER_NAME,
      certificateAuthority: this.certificateAuthority,
      token: TOKENS.admin,
    })
    return this.#client
  }

  /** PEM of what signed the server's certificate; the server makes both at its first start. */
  get certificateAuthority(): string {
    return readFileSync(join(this.directory, 'apiserver.crt'), 'utf8')
  }

  get privateKey(): string {
    return readFileSync(join(this.directory, 'apiserver.key'), 'utf8')
  }

  /** Path of a kubeconfig for programs on the laboratory's hosts. */
  kubeconfig(user: keyof typeof TOKENS, port = API_PORT): string {
    return writeKubeconfig(join(this.directory, `${user}-${port}.kubeconfig`), {
      server: `https://${this.host.ipv4}:${port}`,
      certificateAuthority: this.certificateAuthority,
      token: TOKENS[user],
    })
  }

  /** The API server alone; returns at once. `ready` waits. */
  startApiServer(): void {
    const { directory, host } = this
    const keys = join(directory, 'service-account.key')
    this.#apiServer = this.#launch('kube-apiserver', [
      '--etcd-servers=http://127.0.0.1:2379',
      `--cert-dir=${directory}`,
      `--bind-address=${host.ipv4}`,
      `--advertise-address=${host.ipv4}`,
      `--secure-port=${API_PORT}`,
      `--service-cluster-ip-range=${SERVICE_CIDRS}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${keys}`,
      `--service-account-signing-key-file=${keys}`,
      `--token-auth-file=${join(directory, 'tokens.csv')}`,
      '--authorization-mode=RBAC',
      // Pods are written without anybody making the ServiceAccount they would have.
      '--disable-admission-plugins=ServiceAccount',
    ])
  }

  /** SIGKILL, as a crash would have it. etcd and the controllers stay. */
  async killApiServer(): Promise<void> {
    await this.#apiServer?.end('SIGKILL')
  }

  /**
   * Makes everything before the present unknown: etcd drops its history, and the API server, started
   * anew, its own. Whoever asks for what came after an older version is answered 410 Expired.
   */
  async forgetHistory(): Promise<void> {
    await this.killApiServer()
    const etcd = new Agent({ connect: { socketPath: this.#etcdSocket } })
    const call = async (path: string, body: object): Promise<ApiObject> => {
      const answer = await etcd.request({
        origin: 'http://etcd',
        path,
        method: 'POST',
        body: JSON.stringify(body),
      })
      if (answer.statusCode !== 200) throw new Error(`etcd ${path}: ${await answer.body.text()}`)
      return answer.body.json()
    }
    const { header } = await call('/v3/kv/range', { key: Buffer.from('/').toString('base64') })
    await call('/v3/kv/compaction', { revision: header.revision, physical: true })
    await etcd.close()
    this.startApiServer()
    await this.ready()
  }

  async ready(): Promise<void> {
    await waitFor(
      'the API server is ready',
      async () => {
        if (this.#apiServer?.running !== true) throw new Error('kube-apiserver has ended')
        return (await this.client.text('/readyz')) === 'ok'
      },
      { context: () => this.#apiServer?.tail() ?? '' },
    )
  }

  /** Ends every process that `start` began and removes the directory. */
  async stop(): Promise<void> {
    await this.#client?.close()
    // Nothing here is worth a graceful end, and the API server would take seconds over it.
    await Promise.all(this.#daemons.map((daemon) => daemon.end('SIGKILL')))
    rmSync(this.directory, { recursive: true, force: true })
  }

  #prepare(): void {
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    })
    writeFileSync(join(this.directory, 'service-account.key'), privateKey, { mode: 0o600 })
    writeFileSync(
      join(this.directory, 'tokens.csv'),
      `${TOKENS.admin},admin,1,system:masters\n${TOKENS.proxy},system:kube-proxy,2\n`,
      { mode: 0o600 },
    )
  }

  #startEtcd(): void {
    this.#launch('etcd', [
      `--data-dir=${join(this.directory, 'etcd')}`,
      '--unsafe-no-fsync',
      '--log-level=warn',
      '--listen-client-urls=http://127.0.0.1:2379',
      '--advertise-client-urls=http://127.0.0.1:2379',
      '--listen-peer-urls=http://127.0.0.1:2380',
    ])
  }

  #startRelay(): void {
    const { host } = this
    this.#daemons.push(
      new Daemon(host, this.directory, process.execPath, [
        fileURLToPath(new URL('relay.ts', import.meta.url)),
        `unix:${this.apiSocket}=tcp:${host.ipv4}:${API_PORT}`,
        `unix:${this.#etcdSocket}=tcp:127.0.0.1:2379`,
        `tcp:${host.ipv4}:${INTERPOSED_PORT}=unix:${this.interposerSocket}`,
      ]),
    )
  }

  #startControllers(): void {
    this.#launch('kube-controller-manager', [
      `--kubeconfig=${this.kubeconfig('admin')}`,
      '--leader-elect=false',
      '--secure-port=0',
      '--controllers=endpointslice-controller,endpointslice-mirroring-controller,namespace-controller',
    ])
  }

  #launch(program: Parameters<typeof stockProgram>[0], args: readonly string[]): Daemon {
    const daemon = new Daemon(this.host, this.directory, stockProgram(program), args)
    this.#daemons.push(daemon)
    return daemon
  }
}

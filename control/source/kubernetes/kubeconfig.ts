import { accessSync, constants, readFileSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import { dirname, resolve } from 'node:path'
// Not the package's index, which loads every generated API class: 0.4 s and 40 MB.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import { SourceConfigError } from '../source-error.ts'
import { findTokenFiles } from './token-file.ts'

export interface ConnectionOptions {
  /** Path of a kubeconfig file; without one, the service account of the pod we run in. */
  readonly kubeconfig?: string
  /** The current context of the file unless given. */
  readonly context?: string
  /** URL of the server in place of the file's; without a file, one that asks for no credentials. */
  readonly master?: string
}

/** An API server and the credentials for it: everything that KubeConfig knows how to do. */
export class Connection {
  readonly #options: ConnectionOptions
  #config: KubeConfig

  private constructor(options: ConnectionOptions, config: KubeConfig) {
    this.#options = options
    this.#config = config
  }

  /** @throws {SourceConfigError} naming the file or variable that is wrong; connects to nothing. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    return new Connection(options, await loadConfig(options))
  }

  /** URL of the server, without a slash at its end. */
  get origin(): string {
    return this.#config.getCurrentCluster()?.server ?? ''
  }

  get usesProxy(): boolean {
    return Boolean(this.#config.getCurrentCluster()?.proxyUrl)
  }

  /** TLS options, headers and agent for the next request; runs exec plugins, reads rotated tokens. */
  async requestOptions(): Promise<RequestOptions> {
    const options: RequestOptions = {}
    await this.#config.applyToHTTPSOptions(options)
    return options
  }

  /**
   * Forgets credentials that the server no longer takes: cached exec tokens, and what an earlier
   * version of the file said. Keeps what it has if the file cannot be read now.
   */
  async renew(): Promise<void> {
    try {
      this.#config = await loadConfig(this.#options)
    } catch {
      // The next refusal comes here again, and the server's answer is what the status shows.
    }
  }
}

async function loadConfig({ kubeconfig, context, master }: ConnectionOptions): Promise<KubeConfig> {
  const config = new KubeConfig()
  if (kubeconfig !== undefined) await loadFile(config, kubeconfig, context)
  else if (master === undefined) loadInCluster(config)
  else
    config.loadFromClusterAndUser(
      { name: 'master', server: master, skipTLSVerify: false },
      { name: 'none' },
    )
  if (master !== undefined) overrideServer(config, master)
  for (const cluster of config.clusters) {
    // Plain HTTP has no certificate to verify; client-node refuses it without this flag.
    if (cluster.server.startsWith('http:')) Object.assign(cluster, { skipTLSVerify: true })
  }
  return config
}

function overrideServer(config: KubeConfig, master: string): void {
  if (!/^https?:\/\/./.test(master) || !URL.canParse(master)) {
    throw new SourceConfigError(
      `--master is "${master}"; write an http or https URL with a port up to 65535, if any`,
    )
  }
  Object.assign(config.getCurrentCluster() ?? {}, { server: master.replace(/\/+$/, '') })
}

function loadInCluster(config: KubeConfig): void {
  for (const name of ['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT']) {
    if (process.env[name]) continue
    throw new SourceConfigError(
      `${name} is not set, so this is not a pod of a cluster; name a kubeconfig file with --kubeconfig`,
    )
  }
  config.loadFromCluster()
  const { caFile } = config.getCurrentCluster() ?? {}
  const { tokenFile } = config.getCurrentUser()?.authProvider?.config ?? {}
  for (const file of [caFile, tokenFile]) {
    checkReadable(file, 'the service account of this pod', 'mount it, or name a kubeconfig file')
  }
}

async function loadFile(
  config: KubeConfig,
  file: string,
  context: string | undefined,
): Promise<void> {
  const text = read(file)
  try {
    config.loadFromString(text)
  } catch (error) {
    // The YAML library draws the place on further lines.
    const detail = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]
    throw new SourceConfigError(
      `the kubeconfig ${file} cannot be read: ${detail}; correct it or name another file`,
    )
  }
  config.makePathsAbsolute(dirname(resolve(file)))
  const wanted = context ?? config.getCurrentContext()
  if (!wanted) {
    throw new SourceConfigError(
      `the kubeconfig ${file} has no current-context; choose one of ${listContexts(config)} with --context`,
    )
  }
  if (!config.contexts.some(({ name }) => name === wanted)) {
    throw new SourceConfigError(
      `the kubeconfig ${file} has no context ${wanted}; it has ${listContexts(config)}`,
    )
  }
  config.setCurrentContext(wanted)
  checkContext(config, file, wanted)
  await useTokenFiles(config, file, text)
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    throw new SourceConfigError(
      `the kubeconfig ${file} cannot be opened: ${detail}; give the path of a kubeconfig file`,
    )
  }
}

function listContexts(config: KubeConfig): string {
  return config.contexts.map(({ name }) => name).join(', ') || 'none at all'
}

function checkContext(config: KubeConfig, file: string, context: string): void {
  const cluster = config.getCurrentCluster()
  if (cluster === null) {
    const name = config.getContextObject(context)?.cluster
    throw new SourceConfigError(
      `context ${context} of the kubeconfig ${file} names the cluster ${name}, which is not in the file; add it`,
    )
  }
  const user = config.getCurrentUser()
  if (user === null) {
    const name = config.getContextObject(context)?.user
    throw new SourceConfigError(
      `context ${context} of the kubeconfig ${file} names the user ${name}, which is not in the file; add it`,
    )
  }
  if (!/^https?:\/\/./.test(cluster.server) || !URL.canParse(cluster.server)) {
    throw new SourceConfigError(
      `cluster ${cluster.name} of the kubeconfig ${file} has the server ${cluster.server}; write an http or https URL with a port up to 65535, if any`,
    )
  }
  for (const path of [cluster.caFile, user.certFile, user.keyFile]) {
    checkReadable(path, `the kubeconfig ${file}`, 'correct the path or put the file there')
  }
}

function checkReadable(path: string | undefined, owner: string, advice: string): void {
  if (!path) return
  try {
    accessSync(path, constants.R_OK)
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    throw new SourceConfigError(
      `${owner} needs ${path}, which cannot be read: ${detail}; ${advice}`,
    )
  }
}

/** client-node does not know `tokenFile` of a user; its reader of rotating tokens serves as well. */
async function useTokenFiles(config: KubeConfig, file: string, text: string): Promise<void> {
  for (const [user, tokenFile] of await findTokenFiles(text)) {
    const known = config.getUser(user)
    if (known === null || known.token) continue
    const path = resolve(dirname(file), tokenFile)
    checkReadable(path, `the kubeconfig ${file}`, 'correct the path or put the token there')
    const authProvider = { name: 'tokenFile', config: { tokenFile: path } }
    Object.assign(known, { authProvider })
  }
}

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { StatusDocument } from '../api.ts'
import type { BindAddress } from '../bind-address.ts'
import { answerProfile, PROFILE_PATHS, sendText } from '../debug/debug-handler.ts'
import { type Check, checksPage, flagsPage, statusPage } from '../debug/pages.ts'
import { answerVerbosity, VERBOSITY_PATH } from '../debug/verbosity-handler.ts'
import { HttpListener, type ListenerLog } from '../http-listener.ts'

/** What the metrics server shows; the agent implements it. */
export interface DebugProvider {
  status(): Promise<StatusDocument>
  /** The text of /metrics and its content type. */
  metrics(): Promise<{ readonly type: string; readonly text: string }>
  /** What must be so for the process not to be restarted. */
  liveness(): readonly Check[]
  /** What must be so for the node to be served. */
  readiness(): readonly Check[]
  /** The effective KubeProxyConfiguration. */
  configuration(): object
  flags(): Readonly<Record<string, string>>
  /** Sets the log verbosity of Kubernetes until the process ends. */
  setVerbosity(verbosity: number): void
  readonly mode: string
}

type Page = (url: URL, request: IncomingMessage, response: ServerResponse) => Promise<void> | void

/** Which pages there are beside those that are always there. */
export interface DebugPages {
  /** Profiles of the process, and its log verbosity. */
  readonly profiling: boolean
  /** Feature gate ComponentStatusz. */
  readonly statusz: boolean
  /** Feature gate ComponentFlagz. */
  readonly flagz: boolean
}

/** The answers of the metrics server (8.4). */
export function debugHandler(provider: DebugProvider, optional: DebugPages): RequestListener {
  const pages = new Map<string, Page>([
    ['/metrics', (_, __, response) => sendMetrics(provider, response)],
    ['/metrics/slis', (_, __, response) => sendSlis(provider, response)],
    ['/healthz', (_, __, response) => sendText(response, 200, 'ok')],
    ['/livez', (url, _, response) => sendChecks(url, provider.liveness(), response)],
    ['/readyz', (url, _, response) => sendChecks(url, provider.readiness(), response)],
    ['/proxyMode', (_, __, response) => sendText(response, 200, provider.mode)],
    ['/configz', (_, __, response) => sendConfiguration(provider, response)],
  ])
  if (optional.flagz) {
    pages.set('/flagz', (_, __, response) => sendText(response, 200, flagsPage(provider.flags())))
  }
  if (optional.statusz) {
    pages.set('/statusz', async (_, __, response) => {
      const status = await provider.status()
      sendText(response, 200, statusPage(status, [...pages.keys()], Date.now()))
    })
  }
  if (optional.profiling) for (const path of PROFILE_PATHS) pages.set(path, answerProfile)
  const verbosity: Page = (_, request, response) =>
    answerVerbosity((value) => provider.setVerbosity(value), request, response)
  if (optional.profiling) pages.set(VERBOSITY_PATH, verbosity)
  return async (request, response) => {
    const url = URL.parse(request.url ?? '/', 'http://agent')
    const page = pages.get(url?.pathname ?? '')
    try {
      if (url === null || page === undefined) {
        sendText(response, 404, `no such path; there are ${[...pages.keys()].join(' ')}\n`)
      } else {
        const methods = page === verbosity ? ['PUT'] : ['GET', 'HEAD']
        if (methods.includes(request.method ?? '')) await page(url, request, response)
        else sendText(response, 405, `${request.method} is not served; use ${methods[0]}\n`)
      }
    } catch (error) {
      if (response.headersSent) response.destroy()
      else sendText(response, 500, `${error instanceof Error ? error.message : error}\n`)
    }
  }
}

/** The server that Prometheus and people ask; without encryption or password, hence on loopback. */
export function metricsServer(
  address: BindAddress,
  handler: RequestListener,
  log: ListenerLog,
): HttpListener {
  return new HttpListener({
    name: 'metrics server',
    setting: '--metrics-bind-address',
    address,
    handler,
    log,
  })
}

async function sendMetrics(provider: DebugProvider, response: ServerResponse): Promise<void> {
  const { type, text } = await provider.metrics()
  response.writeHead(200, { 'content-type': type })
  response.end(text)
}

/** Health as one gauge for each check, by the name that all Kubernetes components use. */
function sendSlis(provider: DebugProvider, response: ServerResponse): void {
  const name = 'kubernetes_healthcheck'
  const samples = (type: string, checks: readonly Check[]) =>
    checks.map((check) => {
      return `${name}{name="${check.name}",type="${type}"} ${check.problem === undefined ? 1 : 0}\n`
    })
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
  response.end(
    `# HELP ${name} 1 where the check passes\n# TYPE ${name} gauge\n` +
      [...samples('livez', provider.liveness()), ...samples('readyz', provider.readiness())].join(
        '',
      ),
  )
}

function sendChecks(url: URL, checks: readonly Check[], response: ServerResponse): void {
  const failed = checks.some(({ problem }) => problem !== undefined)
  const verbose = url.searchParams.has('verbose')
  sendText(response, failed ? 500 : 200, checksPage(url.pathname, checks, verbose))
}

function sendConfiguration(provider: DebugProvider, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ 'kubeproxy.config.k8s.io': provider.configuration() }))
}

import type { RequestListener } from 'node:http'
import type { BindAddress } from '../bind-address.ts'
import { HttpListener, type ListenerLog } from '../http-listener.ts'
import type { Health, HealthPath } from './health.ts'

const PATHS: readonly string[] = ['/healthz', '/livez'] satisfies HealthPath[]

/** Takes note of every answer. */
export type HealthObserver = (path: HealthPath, code: number) => void

/** The answers of the health server: plain HTTP, any method (8.2). */
export function healthHandler(health: Health, observe: HealthObserver): RequestListener {
  return (request, response) => {
    const [path = ''] = (request.url ?? '/').split('?', 1)
    if (!PATHS.includes(path)) {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' })
      response.end(`no such path: ${path}; try ${PATHS.join(' or ')}\n`)
      return
    }
    const { code, document } = health.answer(path as HealthPath)
    observe(path as HealthPath, code)
    response.writeHead(code, JSON_HEADERS)
    response.end(JSON.stringify(document))
  }
}

/** HL-3, HL-13. */
export const JSON_HEADERS = {
  'content-type': 'application/json',
  'x-content-type-options': 'nosniff',
} as const

/** The server that load balancers and the kubelet ask. */
export function healthServer(
  address: BindAddress,
  health: Health,
  observe: HealthObserver,
  log: ListenerLog,
): HttpListener {
  return new HttpListener({
    name: 'health server',
    setting: '--healthz-bind-address',
    address,
    handler: healthHandler(health, observe),
    log,
  })
}

import type { IncomingMessage, ServerResponse } from 'node:http'

/** A server without protobuf: the real one answers what it is asked for. */
export function jsonOnly(request: IncomingMessage): undefined {
  request.headers.accept = 'application/json'
}

/** A server that knows streamed lists and does not grant them. */
export function refuseWatchList(url: URL, response: ServerResponse): true | undefined {
  if (!url.searchParams.has('sendInitialEvents')) return undefined
  response.writeHead(422, { 'content-type': 'application/json' })
  response.end(
    JSON.stringify({
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      reason: 'Invalid',
      message: 'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden',
      code: 422,
    }),
  )
  return true
}

import type { ApiStatus } from '../decode/raw-object.ts'
import { ApiError, StreamError } from './api-error.ts'
import type { Clock } from './clock.ts'
import { ACCEPT, encodingOf } from './encoding.ts'
import type { ApiResponse, Transport } from './transport.ts'
import { Watchdog } from './watchdog.ts'

/** More of an error's body than this says nothing new. */
const LONGEST_ERROR = 64 << 10

export interface ExchangeContext {
  readonly transport: Transport
  readonly clock: Clock
  readonly answerMs: number
  /** Fires when the reflector stops. */
  readonly signal: AbortSignal
}

/**
 * One request and its answer, from the first byte to the last.
 *
 * @throws {ApiError} when the server refuses.
 * @throws {StreamError} when the watchdog gives up.
 */
export async function exchange(
  context: ExchangeContext,
  path: string,
  use: (response: ApiResponse, watchdog: Watchdog) => Promise<void>,
): Promise<void> {
  const { transport, clock, answerMs, signal } = context
  using watchdog = new Watchdog(clock, signal)
  try {
    watchdog.expect(
      answerMs,
      () => new StreamError('timeout', `no answer from the API server within ${answerMs / 1e3} s`),
    )
    const response = await transport.get(path, ACCEPT, watchdog.signal)
    if (response.status !== 200) throw new ApiError(await readStatus(response), false)
    await useWhole(response, () => use(response, watchdog))
  } catch (error) {
    throw watchdog.signal.aborted ? watchdog.signal.reason : error
  }
}

/** Who fails before the end of a body does not read on, and the next request needs the connection. */
async function useWhole(response: ApiResponse, use: () => Promise<void>): Promise<void> {
  try {
    await use()
  } catch (error) {
    response.discard()
    throw error
  }
}

/** What the server says about a refusal; proxies in between do not speak Kubernetes. */
async function readStatus(response: ApiResponse): Promise<ApiStatus> {
  const body = await readBody(response)
  const known = decode(response.contentType, body)
  const { status: code, retryAfterSeconds } = response
  return {
    code,
    reason: known?.reason ?? '',
    message: known?.message ?? firstLine(body),
    retryAfterSeconds: retryAfterSeconds || (known?.retryAfterSeconds ?? 0),
  }
}

async function readBody(response: ApiResponse): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  await response.read((chunk) => {
    length += chunk.length
    if (length <= LONGEST_ERROR) chunks.push(chunk)
  })
  return Buffer.concat(chunks)
}

function decode(contentType: string, body: Buffer): ApiStatus | undefined {
  try {
    return encodingOf(contentType).decodeStatus(body)
  } catch {
    return undefined
  }
}

function firstLine(body: Buffer): string {
  return body.toString('utf8', 0, 200).split('\n', 1)[0]?.trim() ?? ''
}

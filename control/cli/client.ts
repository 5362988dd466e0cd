import { request } from 'node:http'
import { CommandError, ExitCode } from './exit-code.ts'

/** How long an agent may take to answer before it counts as unreachable, in milliseconds. */
const TIMEOUT_MS = 5_000

/**
 * Asks the agent for a document of its status API.
 *
 * @returns the document, or undefined where the agent says that there is no such thing
 * @throws CommandError with exit status 4 where no agent answers
 */
export function ask<T>(socketPath: string, path: string): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const unreachable = (why: string) =>
      reject(
        new CommandError(
          ExitCode.unreachable,
          `no kproxy agent answers on ${socketPath}: ${why}
Is it running on this node ("kproxy run"), and with this --socket? Traffic goes on without it.`,
        ),
      )
    const call = request({ socketPath, path, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', (error) => unreachable(error.message))
      response.on('end', () => {
        const body = parse(Buffer.concat(chunks).toString())
        if (body === undefined) unreachable('something else answers there')
        else if (response.statusCode === 200) resolve(body)
        else if (response.statusCode === 404) resolve(undefined)
        else reject(new CommandError(ExitCode.failure, `the agent says: ${body.message}`))
      })
    })
    call.on('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS / 1e3} s`)))
    call.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EACCES') return unreachable(error.message)
      reject(
        new CommandError(
          ExitCode.failure,
          `permission denied on ${socketPath}: ask as root, or as a member of the group that owns it`,
        ),
      )
    })
    call.end()
  })
}

/** A document of the status API; undefined where the text is none. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is the agent's promise, by path
function parse(text: string): any {
  try {
    const body = JSON.parse(text)
    return typeof body === 'object' && body !== null ? body : undefined
  } catch {
    return undefined
  }
}

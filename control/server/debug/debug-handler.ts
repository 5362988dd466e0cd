import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { ProfileBusyError, profileAllocations, profileCpu, snapshotHeap } from './profile.ts'

/** Profiles of more seconds than this are a mistake. */
const SECONDS_MAX = 600
const CPU_SECONDS = 30

export const PROFILE_PATHS = ['/debug/pprof/', '/debug/pprof/profile', '/debug/pprof/heap'] as const

const INDEX = `profiles of the agent; traffic does not wait for them

/debug/pprof/profile?seconds=30   CPU, as .cpuprofile
/debug/pprof/heap                 all objects, as .heapsnapshot; the agent stands still meanwhile
/debug/pprof/heap?seconds=30      allocations, as .heapprofile

Open them in Chrome's developer tools, or in an editor that knows them.
`

/** Answers the paths of profiles; they are where pprof has its own, in V8's formats. */
export async function answerProfile(
  url: URL,
  _: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const isCpu = url.pathname === '/debug/pprof/profile'
  if (!isCpu && url.pathname !== '/debug/pprof/heap') return sendText(response, 200, INDEX)
  const text = url.searchParams.get('seconds') ?? (isCpu ? String(CPU_SECONDS) : '')
  const seconds = Number(text)
  if (text !== '' && !(seconds > 0 && seconds <= SECONDS_MAX)) {
    const message = `seconds is "${text}"; give a number up to ${SECONDS_MAX}`
    return sendText(response, 400, `${message}\n`)
  }
  if (text === '') {
    head(response, 'heapsnapshot')
    return pipeline(snapshotHeap(), response)
  }
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  try {
    const take = isCpu ? profileCpu : profileAllocations
    const profile = await take(seconds, gone.signal)
    head(response, isCpu ? 'cpuprofile' : 'heapprofile')
    response.end(JSON.stringify(profile))
  } catch (error) {
    if (!(error instanceof ProfileBusyError)) throw error
    sendText(response, 409, `${error.message}\n`)
  }
}

export function sendText(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
  })
  response.end(text)
}

function head(response: ServerResponse, extension: string): void {
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-disposition': `attachment; filename="kproxy.${extension}"`,
  })
}

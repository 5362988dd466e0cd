/**
 * Carries connections between the file system and a network namespace: `relay.ts FROM=TO ...`, each
 * end `unix:PATH` or `tcp:ADDRESS:PORT`. A unix socket is reachable from every namespace, so a test
 * that stays in the machine's own can talk to servers in the laboratory, and serve its hosts.
 */
import { createConnection, createServer, type ListenOptions } from 'node:net'

function end(text: string): { path: string } | { host: string; port: number } {
  if (text.startsWith('unix:')) return { path: text.slice(5) }
  const match = /^tcp:(.+):(\d+)$/.exec(text)
  if (match === null) throw new Error(`${text}: expected unix:PATH or tcp:ADDRESS:PORT`)
  return { host: match[1] as string, port: Number(match[2]) }
}

for (const pair of process.argv.slice(2)) {
  const [from, to] = pair.split('=') as [string, string]
  const target = end(to)
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = createConnection({ ...target, allowHalfOpen: true, noDelay: true })
    near.pipe(far)
    far.pipe(near)
    // The death of one side is the death of the other: a server that was killed must look like it.
    near.on('error', () => far.destroy())
    far.on('error', () => near.destroy())
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
  })
  server.listen(end(from) as ListenOptions)
}

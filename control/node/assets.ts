import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * Where a built file lies. Bundles live in build/lib, sources two folders below the top; both are
 * tried, so that the same code runs from either.
 *
 * @param name path below build/, such as `bpf/socket.bpf.o`
 */
export function builtFile(name: string): string {
  const candidates = [`../${name}`, `../../build/${name}`].map((relative) =>
    fileURLToPath(new URL(relative, import.meta.url)),
  )
  return candidates.find((path) => existsSync(path)) ?? (candidates[0] as string)
}

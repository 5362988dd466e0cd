import { readdir, readFile, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'

const extensions = new Set(['.yaml', '.yml', '.json'])

/** A writer is given this long to finish: files that changed later are read at the next look. */
const SETTLE_MS = 40
/** A file that never rests is read anyway after this long. */
const RESTLESS_MS = 1_000

export interface FileChanges {
  /** New text by file name, sorted; `undefined` for a file that is gone, an Error for one that cannot be read. */
  readonly changed: ReadonlyMap<string, string | Error | undefined>
  /** Some file is still being written: look again after {@link SETTLE_MS}. */
  readonly unsettled: boolean
}

interface Known {
  /** Identity, size and times of what was read last; undefined before the first reading. */
  stamp: string | undefined
  /** When the file was first seen to be changing, on the clock of `performance`. */
  restlessSince: number | undefined
}

/** Finds out which manifests of a directory have changed, by looking at it as often as it is asked. */
export class Files {
  readonly directory: string
  readonly #known = new Map<string, Known>()

  constructor(directory: string) {
    this.directory = directory
  }

  /** @throws the error of the file system if the directory itself cannot be read. */
  async look(): Promise<FileChanges> {
    const names = (await readdir(this.directory)).filter(isManifestName).sort()
    const changed = new Map<string, string | Error | undefined>()
    const present = new Set<string>()
    let unsettled = false
    for (const name of names) {
      const outcome = await this.#examine(name)
      if (outcome !== 'absent') present.add(name)
      if (outcome === 'unsettled') unsettled = true
      else if (typeof outcome === 'object') changed.set(name, outcome.content)
    }
    for (const [name, { stamp }] of this.#known) {
      if (present.has(name)) continue
      this.#known.delete(name)
      if (stamp !== undefined) changed.set(name, undefined)
    }
    return { changed, unsettled }
  }

  async #examine(
    name: string,
  ): Promise<'absent' | 'same' | 'unsettled' | { readonly content: string | Error }> {
    const path = join(this.directory, name)
    const before = await stampOf(path)
    if (before === undefined) return 'absent'
    const known = this.#known.get(name) ?? { stamp: undefined, restlessSince: undefined }
    this.#known.set(name, known)
    if (known.stamp === before.stamp) return 'same'
    known.restlessSince ??= performance.now()
    const patient = performance.now() - known.restlessSince < RESTLESS_MS
    const age = Date.now() - before.modifiedAt
    if (patient && age >= 0 && age < SETTLE_MS) return 'unsettled'
    const content = await readFile(path, 'utf8').catch((error: Error) => error)
    const after = await stampOf(path)
    if (patient && after?.stamp !== before.stamp) return 'unsettled'
    known.stamp = before.stamp
    known.restlessSince = undefined
    return { content }
  }
}

/** Hidden files are the drafts of editors and the machinery of mounted ConfigMaps. */
function isManifestName(name: string): boolean {
  return !name.startsWith('.') && extensions.has(extname(name))
}

async function stampOf(path: string): Promise<{ stamp: string; modifiedAt: number } | undefined> {
  try {
    const stats = await stat(path, { bigint: true })
    if (!stats.isFile()) return undefined
    const { dev, ino, size, mode, mtimeNs, ctimeNs } = stats
    const stamp = [dev, ino, size, mode, mtimeNs, ctimeNs].join(':')
    return { stamp, modifiedAt: Number(mtimeNs / 1_000_000n) }
  } catch {
    return undefined
  }
}

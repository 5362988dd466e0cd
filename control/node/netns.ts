import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BpfError, netnsCookie, netnsCookieAt } from '#addon'

/** Where container runtimes and `ip netns` mount network namespaces. */
const DIRECTORIES = ['run/netns', 'var/run/docker/netns'] as const

/** A network namespace: the process's own, which nobody has to enter, or one at a path. */
export type Netns = { readonly path: string | undefined }

const OWN: Netns = { path: undefined }

export interface FoundNetns {
  /** By cookie. */
  readonly found: ReadonlyMap<bigint, Netns>
  /** Cookies of namespaces that no path that is visible here leads to. */
  readonly missing: readonly bigint[]
}

export interface NetnsOptions {
  /** What lies before /run and /proc; for tests. */
  readonly root?: string
  /** As in the addon: the cookie at a path, and that of this process. */
  readonly cookieAt?: (path: string) => Promise<bigint>
  readonly ownCookie?: () => bigint
}

/**
 * Finds the network namespaces of this machine by their cookies, which is what the kernel names them by
 * to BPF programs: the process's own, those that are mounted, those of processes that this one may look
 * at. A cookie is read by entering the namespace, and is remembered.
 */
export class NetworkNamespaces {
  readonly #root: string
  readonly #cookieAt: (path: string) => Promise<bigint>
  readonly #ownCookie: () => bigint
  #own: bigint | undefined
  /** Path by cookie. */
  readonly #paths = new Map<bigint, string>()
  /** Cookie by inode; see {@link identity}. */
  #cookies = new Map<string, bigint>()
  #denied = false

  constructor({
    root = '/',
    cookieAt = netnsCookieAt,
    ownCookie = netnsCookie,
  }: NetnsOptions = {}) {
    this.#root = root
    this.#cookieAt = cookieAt
    this.#ownCookie = ownCookie
  }

  /** Whether the kernel has refused to let this process enter another one: it lacks CAP_SYS_ADMIN. */
  get denied(): boolean {
    return this.#denied
  }

  /**
   * Looks through everything again only where a cookie is not known, or its path has come to lead to
   * another namespace.
   */
  async find(cookies: Iterable<bigint>): Promise<FoundNetns> {
    this.#own ??= this.#ownCookie()
    const found = new Map<bigint, Netns>()
    const missing = new Set<bigint>()
    for (const cookie of cookies) {
      if (cookie === this.#own) found.set(cookie, OWN)
      else if (await this.#isValid(cookie)) found.set(cookie, { path: this.#paths.get(cookie) })
      else missing.add(cookie)
    }
    if (missing.size > 0) await this.#scan(missing)
    for (const cookie of missing) {
      const path = this.#paths.get(cookie)
      if (path === undefined) continue
      found.set(cookie, { path })
      missing.delete(cookie)
    }
    return { found, missing: [...missing] }
  }

  async #isValid(cookie: bigint): Promise<boolean> {
    const path = this.#paths.get(cookie)
    if (path === undefined) return false
    const id = await identity(path)
    return id !== undefined && this.#cookies.get(id) === cookie
  }

  /** Goes through all paths until every wanted cookie is found; at the end, forgets what is gone. */
  async #scan(wanted: ReadonlySet<bigint>): Promise<void> {
    this.#denied = false
    const left = new Set(wanted)
    const seen = new Map<string, bigint>()
    for await (const path of this.#candidates()) {
      const id = await identity(path)
      if (id === undefined || seen.has(id)) continue
      const cookie = this.#cookies.get(id) ?? (await this.#read(path))
      if (cookie === undefined) {
        if (this.#denied) return
        continue
      }
      seen.set(id, cookie)
      this.#cookies.set(id, cookie)
      this.#paths.set(cookie, path)
      left.delete(cookie)
      if (left.size === 0) return
    }
    this.#cookies = seen
    const alive = new Set(seen.values())
    for (const cookie of this.#paths.keys()) if (!alive.has(cookie)) this.#paths.delete(cookie)
  }

  async #read(path: string): Promise<bigint | undefined> {
    try {
      return await this.#cookieAt(path)
    } catch (error) {
      /* Gone in the meantime, or a file that is none. */
      if (!(error instanceof BpfError)) throw error
      if (error.code === 'EPERM') this.#denied = true
      return undefined
    }
  }

  async *#candidates(): AsyncGenerator<string> {
    for (const directory of DIRECTORIES) {
      const path = join(this.#root, directory)
      for (const name of await list(path)) yield join(path, name)
    }
    const proc = join(this.#root, 'proc')
    for (const name of await list(proc)) {
      if (/^\d+$/.test(name)) yield join(proc, name, 'ns', 'net')
    }
  }
}

async function list(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch {
    return []
  }
}

/**
 * What tells one namespace from another without entering it. The kernel gives the number of an inode
 * that is free to the next namespace at once, so its time of birth belongs to it.
 */
async function identity(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, ctimeNs } = await stat(path, { bigint: true })
    return `${dev}:${ino}:${ctimeNs}`
  } catch {
    return undefined
  }
}

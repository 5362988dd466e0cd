import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { BpfError, netnsCookie, netnsCookieAt } from '#addon'

/** Where container runtimes and `ip netns` mount network namespaces. */
const DIRECTORIES = ['run/netns', 'var/run/docker/netns'] as const

/** So many paths are looked at before others go on. A hop to a thread would take longer than each. */
const AT_A_TIME = 64

/** A namespace that was looked for in vain is not looked for again so soon, in milliseconds. */
const AGAIN_MS = 1000

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
  /** Milliseconds. */
  readonly now?: () => number
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
  readonly #now: () => number
  #own: bigint | undefined
  /** Path by cookie. */
  readonly #paths = new Map<bigint, string>()
  /** Cookie by inode; see {@link identity}. */
  #cookies = new Map<string, bigint>()
  /** Cookies that nothing led to, with the time. */
  #missed = new Map<bigint, number>()
  #denied = false

  constructor({
    root = '/',
    cookieAt = netnsCookieAt,
    ownCookie = netnsCookie,
    now = () => performance.now(),
  }: NetnsOptions = {}) {
    this.#root = root
    this.#cookieAt = cookieAt
    this.#ownCookie = ownCookie
    this.#now = now
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
      else if (this.#isValid(cookie)) found.set(cookie, { path: this.#paths.get(cookie) })
      else missing.add(cookie)
    }
    const since = this.#now() - AGAIN_MS
    const due = [...missing].some((cookie) => (this.#missed.get(cookie) ?? since) <= since)
    if (due) await this.#scan(missing)
    for (const cookie of missing) {
      const path = this.#paths.get(cookie)
      if (path === undefined) continue
      found.set(cookie, { path })
      missing.delete(cookie)
    }
    if (due) this.#missed = new Map([...missing].map((cookie) => [cookie, this.#now()]))
    return { found, missing: [...missing] }
  }

  #isValid(cookie: bigint): boolean {
    const path = this.#paths.get(cookie)
    if (path === undefined) return false
    const id = identity(path)
    return id !== undefined && this.#cookies.get(id) === cookie
  }

  /** Goes through all paths until every wanted cookie is found; at the end, forgets what is gone. */
  async #scan(wanted: ReadonlySet<bigint>): Promise<void> {
    this.#denied = false
    const left = new Set(wanted)
    const seen = new Map<string, bigint>()
    let looked = 0
    for (const path of this.#candidates()) {
      if (++looked % AT_A_TIME === 0) await setImmediate()
      const id = identity(path)
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

  *#candidates(): Generator<string> {
    for (const directory of DIRECTORIES) {
      const path = join(this.#root, directory)
      for (const name of list(path)) yield join(path, name)
    }
    const proc = join(this.#root, 'proc')
    for (const name of list(proc)) {
      if (/^\d+$/.test(name)) yield join(proc, name, 'ns', 'net')
    }
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/**
 * What tells one namespace from another without entering it. The kernel gives the number of an inode
 * that is free to the next namespace at once, so its time of birth belongs to it.
 */
function identity(path: string): string | undefined {
  try {
    const { dev, ino, ctimeNs } = statSync(path, { bigint: true })
    return `${dev}:${ino}:${ctimeNs}`
  } catch {
    return undefined
  }
}

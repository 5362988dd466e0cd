import { linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BpfError } from '#addon'
import { NetworkNamespaces } from '../../../control/node/netns.ts'

let root: string
/** Paths that were entered, below the root. */
let entered: string[]
/** Errno name of what happens at a path below the root. */
let failures: Record<string, string>
/** Cookie by path below the root. */
let cookies: Record<string, bigint>
let now: number

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kproxy-netns-'))
  entered = []
  failures = {}
  cookies = {}
  now = 0
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

/** Makes a namespace at the first path, and the same at the others. */
function make(cookie: bigint, path: string, ...others: readonly string[]): void {
  for (const one of [path, ...others]) {
    mkdirSync(join(root, one, '..'), { recursive: true })
    cookies[one] = cookie
  }
  writeFileSync(join(root, path), '')
  for (const other of others) linkSync(join(root, path), join(root, other))
}

function namespaces(): NetworkNamespaces {
  return new NetworkNamespaces({
    root,
    ownCookie: () => 1n,
    now: () => now,
    async cookieAt(path) {
      const name = path.slice(root.length + 1)
      entered.push(name)
      const code = failures[name]
      if (code === undefined) return cookies[name] as bigint
      const failure = { code, description: '', operation: 'enter', subject: path }
      throw new BpfError(failure)
    },
  })
}

async function pathOf(all: NetworkNamespaces, cookie: bigint): Promise<string | undefined> {
  const { found } = await all.find([cookie])
  return found.get(cookie)?.path?.slice(root.length + 1)
}

describe('network namespaces', () => {
  it('are found where runtimes mount them and where processes are, and their own needs no path', async () => {
    make(2n, 'run/netns/pod-1')
    make(3n, 'var/run/docker/netns/abc')
    make(4n, 'proc/77/ns/net')
    make(5n, 'proc/self/ns/net')
    const { found, missing } = await namespaces().find([1n, 2n, 3n, 4n, 5n])
    const paths = [...found].map(([cookie, { path }]) => [cookie, path?.slice(root.length + 1)])
    expect(paths).toEqual([
      [1n, undefined],
      [2n, 'run/netns/pod-1'],
      [3n, 'var/run/docker/netns/abc'],
      [4n, 'proc/77/ns/net'],
    ])
    expect(missing).toEqual([5n])
  })

  it('are entered once each, by whatever path', async () => {
    make(2n, 'run/netns/pod-1', 'proc/10/ns/net', 'proc/11/ns/net')
    make(3n, 'proc/12/ns/net')
    const all = namespaces()
    await all.find([99n])
    await all.find([98n])
    expect(await pathOf(all, 2n)).toBe('run/netns/pod-1')
    expect(entered.toSorted()).toEqual(['proc/12/ns/net', 'run/netns/pod-1'])
  })

  it('are looked for again when one is not known, or is gone', async () => {
    make(2n, 'run/netns/pod-1')
    const all = namespaces()
    expect(await pathOf(all, 3n)).toBeUndefined()
    make(3n, 'run/netns/pod-2')
    now += 1000
    expect(await pathOf(all, 3n)).toBe('run/netns/pod-2')
    rmSync(join(root, 'run/netns/pod-2'))
    expect((await all.find([3n])).missing).toEqual([3n])
  })

  it('are not looked for every time where nothing leads to one', async () => {
    make(2n, 'run/netns/pod-1')
    const all = namespaces()
    await all.find([99n])
    make(3n, 'run/netns/pod-2')
    now += 999
    expect((await all.find([2n, 99n])).missing).toEqual([99n])
    expect(entered).toEqual(['run/netns/pod-1'])
    expect(await pathOf(all, 3n)).toBe('run/netns/pod-2')
  })

  it('are told apart where the path of one leads to another now', async () => {
    make(2n, 'run/netns/pod-1')
    const all = namespaces()
    expect(await pathOf(all, 2n)).toBe('run/netns/pod-1')
    make(3n, 'run/netns/new')
    renameSync(join(root, 'run/netns/new'), join(root, 'run/netns/pod-1'))
    cookies['run/netns/pod-1'] = 3n
    expect((await all.find([2n])).missing).toEqual([2n])
    expect(await pathOf(all, 3n)).toBe('run/netns/pod-1')
  })

  it('that cannot be entered are passed over, and without the privilege that is said', async () => {
    make(2n, 'run/netns/broken')
    make(3n, 'run/netns/pod-1')
    failures = { 'run/netns/broken': 'EINVAL' }
    const all = namespaces()
    expect((await all.find([2n, 3n])).missing).toEqual([2n])
    expect(all.denied).toBe(false)

    failures = { 'run/netns/broken': 'EPERM', 'run/netns/pod-1': 'EPERM' }
    const unprivileged = namespaces()
    const { found, missing } = await unprivileged.find([1n, 3n])
    expect([[...found.keys()], missing, unprivileged.denied]).toEqual([[1n], [3n], true])
  })
})

/** The production socket plane on a cgroup of its own, and sockets in it that do as they are told. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { type BpfLink, BpfObject, type CgroupAttachType } from '#addon'
import { makeCgroup, type TemporaryDirectory } from '../addon/fixture.ts'
import { Tables } from '../tables.ts'

const OBJECT = join(import.meta.dirname, '../../../build/bpf/socket.bpf.o')

/** Addresses of the loopback device in the sockets' network namespace: VIPs, then backends. */
export const VIPS = {
  ipv4: ['10.96.0.10', '10.96.0.11', '10.96.0.12', '10.96.0.13', '10.96.0.14'],
  ipv6: ['fd00:10:96::10', 'fd00:10:96::11', 'fd00:10:96::12', 'fd00:10:96::13', 'fd00:10:96::14'],
} as const
export const BACKENDS = {
  ipv4: ['10.244.0.1', '10.244.0.2', '10.244.0.3', '10.244.0.4', '10.244.0.5'],
  ipv6: ['fd00:10:244::1', 'fd00:10:244::2', 'fd00:10:244::3', 'fd00:10:244::4', 'fd00:10:244::5'],
} as const

/**
 * The kernel makes the local routes of IPv6 addresses some time after the command that adds them.
 * Until then datagrams leave for an address that nobody has, and are lost.
 */
const ENTER = `
  echo $$ >"$1/cgroup.procs" && ip link set lo up || exit 2
  for address in $3; do ip address add "$address/32" dev lo || exit 2; done
  for address in $4; do ip address add "$address/128" dev lo nodad || exit 2; done
  for address in $4; do
    until [ -n "$(ip -6 route show table local "$address")" ]; do sleep 0.01; done
  done
  exec "$2"`

/** Compiles the program of the sockets once for a test file. */
export function buildSockets(): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), 'kproxy-sockets-'))
  const source = join(import.meta.dirname, 'sockets.c')
  execFileSync('gcc', ['-std=gnu17', '-D_GNU_SOURCE', '-O1', '-o', join(path, 'sockets'), source])
  return { path, remove: () => rmSync(path, { recursive: true }) }
}

export class SocketPlane {
  readonly tables: Tables
  readonly #cgroup: TemporaryDirectory
  readonly #links: BpfLink[]
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: Interface
  readonly #answers: AsyncIterableIterator<string>

  /** @param pins path by map name, of maps that other programs are to share */
  constructor(
    programs: TemporaryDirectory,
    constants: Record<string, boolean | number> = {},
    pins: Record<string, string> = {},
  ) {
    const object = BpfObject.load(OBJECT, {
      constants,
      pins,
      maxEntries: { services: 64, slots: 1024, backends: 64, members: 64 },
    })
    this.tables = new Tables(object)
    this.#cgroup = makeCgroup()
    this.#links = object.programNames.map((name) =>
      object.program(name).attachCgroup(this.#cgroup.path, name as CgroupAttachType),
    )
    const ipv4 = [...VIPS.ipv4, ...BACKENDS.ipv4].join(' ')
    const ipv6 = [...VIPS.ipv6, ...BACKENDS.ipv6].join(' ')
    const program = join(programs.path, 'sockets')
    this.#child = spawn('unshare', [
      ...['--net', 'sh', '-c', ENTER, 'sh'],
      ...[this.#cgroup.path, program, ipv4, ipv6],
    ])
    this.#child.stderr.pipe(process.stderr)
    this.#lines = createInterface(this.#child.stdout)
    this.#answers = this.#lines[Symbol.asyncIterator]()
  }

  /** The path of the sockets' network namespace. */
  get netns(): string {
    return `/proc/${this.#child.pid}/ns/net`
  }

  /** One command of sockets.c: "ok", an errno name, or "ADDRESS PORT". */
  async do(command: string): Promise<string> {
    this.#child.stdin.write(`${command}\n`)
    const { value, done } = await this.#answers.next()
    if (done === true) throw new Error(`the sockets ended at "${command}"`)
    return value
  }

  /** Commands that must succeed. */
  async all(...commands: readonly string[]): Promise<void> {
    for (const command of commands) {
      const answer = await this.do(command)
      if (answer !== 'ok') throw new Error(`${command}: ${answer}`)
    }
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit')
    this.#child.stdin.end()
    if (this.#child.exitCode === null) await exited
    this.#lines.close()
    for (const link of this.#links) link.close()
    this.tables.close()
    this.#cgroup.remove()
  }
}

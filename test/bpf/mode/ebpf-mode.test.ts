import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { kpMeta } from '#abi'
import { BpfLink, BpfMap } from '#addon'
import {
  cleanup,
  EbpfMode,
  type EbpfModeOptions,
  PreflightError,
} from '../../../control/mode/ebpf/index.ts'
import { writeMeta } from '../../../control/mode/ebpf/load.ts'
import { list, port, remove, set, setAll } from '../../unit/mode/ports.ts'
import { makeCgroup, mountBpf, type TemporaryDirectory } from '../addon/fixture.ts'

let bpffs: TemporaryDirectory
let cgroup: TemporaryDirectory
let pinDir: string
let modes: EbpfMode[] = []
let warnings: string[] = []

beforeEach(() => {
  bpffs = mountBpf()
  cgroup = makeCgroup()
  pinDir = join(bpffs.path, 'kproxy', 'node')
  warnings = []
})

afterEach(async () => {
  for (const mode of modes) await mode.stop()
  modes = []
  cleanup({ cgroup: cgroup.path, pinDir })
  bpffs.remove()
  cgroup.remove()
})

function makeMode(options: Partial<EbpfModeOptions> = {}): EbpfMode {
  const mode = new EbpfMode({
    objectPath: new URL('../../../build/bpf/socket.bpf.o', import.meta.url).pathname,
    lifetimePath: new URL('../../../build/bpf/lifetime.bpf.o', import.meta.url).pathname,
    cgroupPath: cgroup.path,
    pinDir,
    nodeName: 'node',
    maxServices: 64,
    maxEndpoints: 256,
    nodePorts: { nodePortAddresses: [], localhost: false },
    log: { info: () => {}, warn: (_, message) => warnings.push(message) },
    ...options,
  })
  modes.push(mode)
  return mode
}

async function started(options?: Partial<EbpfModeOptions>): Promise<EbpfMode> {
  const mode = makeMode(options)
  await mode.start()
  return mode
}

async function refusal(mode: EbpfMode): Promise<string> {
  const error = await mode.start().then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return error instanceof PreflightError ? `${error.reason}: ${error.message}` : String(error)
}

const hooksOf = async (mode: EbpfMode) => (await mode.status()).hooks
const linkId = (hook: string) => {
  const link = BpfLink.openPinned(join(pinDir, 'links', hook))
  const { id, programId } = link.info
  link.close()
  return { id, programId }
}

const web = port(list(['10.0.0.1:8080', '10.0.0.2:8080'], ['10.0.0.3:8080']), {
  frontends: ['10.96.0.1:80', '192.0.2.1:80'],
})

describe('the eBPF mode on real maps', () => {
  it('attaches every hook and shows what it applied', async () => {
    const mode = await started()
    const report = await mode.apply([set(web)], true)
    expect(report).toMatchObject({ changed: 1, published: 2, removed: 0, refused: [] })
    expect(await mode.verify()).toEqual([])
    const status = await mode.status()
    expect(status.hooks.filter(({ attached }) => !attached)).toEqual([])
    expect(status.hooks).toHaveLength(9)
    const used = new Map(status.maps.map(({ name, entries }) => [name, entries]))
    expect([used.get('services'), used.get('slots'), used.get('members')]).toEqual([2, 3, 3])
    expect((await mode.counters([web.key])).get(web.key)?.backends.size).toBe(3)
  })

  it('writes batches that read back as they were meant', async () => {
    const mode = await started()
    const many = Array.from({ length: 60 }, (_, n) =>
      port([`10.1.0.${n}:80`, `10.2.0.${n}:80`, `10.3.0.${n}:80`], {
        name: `svc-${n}`,
        frontends: [`10.96.1.${n}:80`],
      }),
    )
    const report = await mode.apply(setAll(many), true)
    expect(report).toMatchObject({ published: 60, refused: [] })
    expect(report.syscalls).toBeLessThan(70)
    expect(await mode.verify()).toEqual([])
    await mode.apply([], true)
    expect((await mode.status()).maps.find(({ name }) => name === 'services')?.entries).toBe(0)
    expect(await mode.verify()).toEqual([])
  })

  it('is continued by the next agent without a single write, with new programs in the same links', async () => {
    const first = await started()
    await first.apply([set(web)], true)
    const before = linkId('connect4')
    await first.stop()
    const second = await started()
    const after = linkId('connect4')
    expect(after.id).toBe(before.id)
    expect(after.programId).not.toBe(before.programId)
    const report = await second.apply([set(web)], true)
    expect([report.changed, report.syscalls]).toEqual([0, 0])
    expect(await second.verify()).toEqual([])
  })

  it('heals what an agent left that was killed between two pins', async () => {
    const first = await started()
    await first.apply([set(web)], true)
    await first.stop()
    for (const pin of ['links/connect6', 'programs/recvmsg4', 'maps/affinity']) {
      unlinkSync(join(pinDir, pin))
    }
    const link = BpfLink.openPinned(join(pinDir, 'links', 'sendmsg4'))
    link.pin(join(pinDir, 'links', 'sendmsg4_next'))
    link.close()
    const second = await started()
    expect((await hooksOf(second)).every(({ attached }) => attached)).toBe(true)
    expect(readdirSync(join(pinDir, 'maps'))).toContain('affinity')
    await second.apply([set(web)], true)
    expect(await second.verify()).toEqual([])
  })

  it('notices a hook that somebody detached, and the next start attaches it again', async () => {
    const first = await started()
    const link = BpfLink.openPinned(join(pinDir, 'links', 'connect4'))
    link.detach()
    link.close()
    const detached = (await hooksOf(first)).filter(({ attached }) => !attached)
    expect(detached.map(({ name }) => name)).toEqual(['connect4'])
    await first.stop()
    const second = await started()
    expect((await hooksOf(second)).every(({ attached }) => attached)).toBe(true)
  })

  it('refuses a second agent for the node and names the first', async () => {
    await started()
    expect(await refusal(makeMode())).toMatch(
      new RegExp(`^Locked: process ${process.pid} holds ".*one agent runs for this node already`),
    )
  })

  it('refuses a second agent for the cgroup under another name, before it attaches anything', async () => {
    const first = await started()
    const other = makeMode({ pinDir: `${pinDir}-other` })
    expect(await refusal(other)).toMatch(
      new RegExp(`^Locked: process ${process.pid} holds "${cgroup.path}": another agent serves`),
    )
    expect((await hooksOf(first)).every(({ attached }) => attached)).toBe(true)
    expect(existsSync(`${pinDir}-other`)).toBe(false)
    await first.stop()
    await other.start()
    await other.stop()
    cleanup({ cgroup: cgroup.path, pinDir: `${pinDir}-other` })
  })

  it('refuses pinned state of another layout and touches nothing of it', async () => {
    const first = await started()
    await first.apply([set(web)], true)
    await first.stop()
    const before = linkId('connect4')
    const meta = BpfMap.openPinned(join(pinDir, 'maps', 'meta'))
    writeMeta(meta, kpMeta.LAYOUT_VERSION, 99)
    expect(await refusal(makeMode())).toMatch(
      /^LayoutMismatch: .*layout version 99.*kproxy cleanup/,
    )
    expect(linkId('connect4')).toEqual(before)
    meta.close()
  })

  it('refuses a map of another shape at the place of ours', async () => {
    mkdirSync(join(pinDir, 'maps'), { recursive: true })
    const donor = await started({ pinDir: join(bpffs.path, 'donor') })
    const meta = BpfMap.openPinned(join(bpffs.path, 'donor', 'maps', 'meta'))
    meta.pin(join(pinDir, 'maps', 'backends'))
    meta.close()
    await donor.stop()
    expect(await refusal(makeMode())).toMatch(/^PinMismatch: .*kproxy cleanup/)
    cleanup({ cgroup: cgroup.path, pinDir: join(bpffs.path, 'donor') })
  })

  it('keeps the sizes of pinned maps and says so', async () => {
    const first = await started()
    await first.stop()
    const second = await started({ maxServices: 128 })
    const services = (await second.status()).maps.find(({ name }) => name === 'services')
    expect(services?.maxEntries).toBe(64)
    expect(warnings).toEqual([expect.stringContaining('keep the sizes')])
  })

  it('refuses what a full map cannot take and serves the rest', async () => {
    const mode = await started({ maxServices: 2 })
    await mode.apply([set(web)], true)
    const other = port(['10.0.0.9:80'], { name: 'other', frontends: ['10.96.0.9:80'] })
    const report = await mode.apply([set(other)], false)
    expect(report.refused.map(({ key, reason }) => [key, reason])).toEqual([[other.key, 'MapFull']])
    await mode.apply([remove(web)], false)
    expect((await mode.status()).refused).toEqual([])
    expect(await mode.verify()).toEqual([])
  })

  it('says that its canary cannot work from outside of the cgroup', async () => {
    const mode = await started()
    await mode.apply([set(web)], true)
    const { checks } = await mode.status()
    expect(checks).toContainEqual({
      name: 'canary',
      ok: true,
      message: expect.stringMatching(/not checked: the agent runs in/),
    })
  })

  const lifetimeOf = async (mode: EbpfMode) =>
    (await mode.status()).checks.find(({ name }) => name === 'lifetime')?.message

  it('looks for UDP sockets to end after its first apply, and says what came of it', async () => {
    const mode = await started()
    await mode.apply([set(web)], true)
    await expect.poll(() => lifetimeOf(mode)).toBe('ended 0 UDP sockets whose endpoint was gone')
    expect((await mode.status()).udpSocketsEnded).toBe(0)
    expect(warnings).toEqual([])
  })

  it('serves on where the kernel cannot end sockets, and says so once', async () => {
    const mode = await started({ lifetimePath: '/absent/lifetime.bpf.o' })
    await mode.apply([set(web)], true)
    await expect
      .poll(() => lifetimeOf(mode))
      .toMatch(/^not available: .*\/absent\/lifetime\.bpf\.o.*; connected UDP sockets stay with/)
    const dns = port(['10.0.0.1:53'], { frontends: ['10.96.0.53:53'], protocol: 'UDP' })
    const report = await mode.apply([set(dns)], false)
    expect(report).toMatchObject({ changed: 1, refused: [] })
    expect(await mode.verify()).toEqual([])
    expect(warnings).toEqual([expect.stringContaining('lifetime of UDP sockets: not available')])
  })
})

describe('cleanup', () => {
  it('removes everything of ours, the directories too, and says what', async () => {
    const mode = await started()
    await mode.apply([set(web)], true)
    await mode.stop()
    const { removed, left } = cleanup({ cgroup: cgroup.path, pinDir })
    expect(left).toEqual([])
    expect(removed.filter((path) => path.includes('/links/'))).toHaveLength(9)
    expect(removed).toContain(join(pinDir, 'maps', 'services'))
    expect(existsSync(join(bpffs.path, 'kproxy'))).toBe(false)
    expect(cleanup({ cgroup: cgroup.path, pinDir })).toEqual({ removed: [], left: [] })
  })

  it('leaves what is not ours and says so', async () => {
    const mode = await started()
    await mode.stop()
    const stranger = join(pinDir, 'maps', 'stranger')
    const meta = BpfMap.openPinned(join(pinDir, 'maps', 'meta'))
    meta.pin(stranger)
    meta.close()
    const { left } = cleanup({ cgroup: cgroup.path, pinDir })
    expect(left).toContainEqual(expect.stringContaining('holds what is not ours: stranger'))
    expect(existsSync(stranger)).toBe(true)
    rmSync(stranger)
  })

  it('refuses while an agent runs', async () => {
    const mode = await started()
    expect(() => cleanup({ cgroup: cgroup.path, pinDir })).toThrow(/one agent runs/)
    expect((await hooksOf(mode)).every(({ attached }) => attached)).toBe(true)
  })

  it('touches no file outside of a bpf file system', () => {
    const place = mkdtempSync(join(tmpdir(), 'kproxy-cleanup-'))
    mkdirSync(join(place, 'maps'))
    writeFileSync(join(place, 'maps', 'services'), 'mine')
    expect(() => cleanup({ cgroup: cgroup.path, pinDir: place })).toThrow(
      /not on a bpf file system/,
    )
    expect(readFileSync(join(place, 'maps', 'services'), 'utf8')).toBe('mine')
    rmSync(place, { recursive: true })
  })
})

describe('the patrol on the real kernel', () => {
  it('repairs records, addresses and hooks that somebody took away', async () => {
    const mode = await started()
    await mode.apply([set(port(['10.244.0.1:8080']))], true)
    const guards = { added: ['10.96.0.1'], removed: [], serviceCIDRs: ['10.96.0.0/12'] }
    const nodeIPs = { 4: '172.20.0.11', 6: '::1', primary: 4 } as const
    await mode.adapt({ guards, nodeIPs, detectsLocal: { 4: true, 6: true }, podCIDRs: [] }, true)
    expect(await mode.verify()).toEqual([])
    for (const name of ['services', 'addresses', 'service_cidrs']) {
      const map = BpfMap.openPinned(join(pinDir, 'maps', name))
      const { keys, count } = await map.entries()
      const size = keys.length / count
      for (let row = 0; row < count; row++) map.delete(keys.slice(row * size, (row + 1) * size))
      map.close()
    }
    const link = BpfLink.openPinned(join(pinDir, 'links', 'connect4'))
    link.detach()
    link.close()
    expect(await mode.verify()).not.toEqual([])
    const { problems } = await mode.patrol()
    expect(problems).toEqual(
      expect.arrayContaining([
        'hook connect4: the program was not attached',
        expect.stringContaining('10.96.0.1:80/TCP is missing'),
        'service_cidrs: 10.96.0.0/12 is missing',
      ]),
    )
    expect(await mode.verify()).toEqual([])
    expect((await mode.status()).hooks.every(({ attached }) => attached)).toBe(true)
    expect((await mode.patrol()).problems).toEqual([])
  })
})

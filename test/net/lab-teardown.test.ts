import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { Lab, serve } from '../lab/index.ts'

const owner = new URL('lab-owner.ts', import.meta.url).pathname

/** What a laboratory could leave on the machine, outside its own cgroup. */
function traces(): string[] {
  return [
    readFileSync('/proc/self/mounts', 'utf8'),
    execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }),
    execFileSync('ip', ['-brief', 'link'], { encoding: 'utf8' }),
  ]
}

function processes(cgroup: string): number[] {
  return readdirSync(cgroup, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name === 'cgroup.procs')
    .flatMap((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map(Number)
}

function isRunning(pid: number): boolean {
  // A process that was killed and not yet reaped is in state Z.
  const path = `/proc/${pid}/stat`
  return existsSync(path) && !/\) Z /.test(readFileSync(path, 'utf8'))
}

async function gone(cgroup: string): Promise<void> {
  await expect.poll(() => existsSync(cgroup), { timeout: 10_000, interval: 10 }).toBe(false)
}

interface Owned {
  readonly owner: ChildProcess
  readonly cgroup: string
  readonly guard: number
  readonly pids: readonly number[]
}

/** A process in a group of its own, as under a terminal, with a laboratory. */
async function startOwner(): Promise<Owned> {
  const child = spawn(process.execPath, [owner], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const { cgroup, guard } = JSON.parse(line.toString()) as { cgroup: string; guard: number }
  const pids = processes(cgroup)
  expect(pids.length).toBeGreaterThanOrEqual(3)
  return { owner: child, cgroup, guard, pids }
}

test('destroy leaves no process, cgroup, mount, namespace or link, and may be called again', async () => {
  const before = traces()
  const lab = await Lab.create({
    nodes: [{ name: 'n1', pods: ['web'] }, { name: 'n2' }],
    outside: true,
  })
  await serve(lab.node('n1').pod('web'), { ports: [80] })
  // A process that leaves its session and ignores signals.
  lab.node('n2').spawn(['setsid', 'sh', '-c', 'trap "" TERM HUP INT; while :; do sleep 1; done'])
  const pids = processes(lab.cgroup)
  expect(traces()).toEqual(before)

  await lab.destroy()
  await lab.destroy()

  expect(existsSync(lab.cgroup)).toBe(false)
  expect(pids.filter(isRunning)).toEqual([])
  expect(traces()).toEqual(before)
})

test('a laboratory that is kept outlives its owner until its label is stopped', async () => {
  const lab = await Lab.create({ nodes: [{ name: 'n1' }], label: 'kept' })
  const pids = processes(lab.cgroup)
  await lab.keep()
  await Lab.stopKept('other')
  expect(pids.filter(isRunning)).toEqual(pids)
  expect(await Lab.stopKept('kept')).toMatch(/ended kproxy-lab-kept-/)
  expect(existsSync(lab.cgroup)).toBe(false)
  expect(pids.filter(isRunning)).toEqual([])
})

test('a failing construction leaves nothing behind and names the command that failed', async () => {
  const before = traces()
  const creation = Lab.create({
    nodes: [{ name: 'n1', pods: ['twice', 'twice'] }],
    label: 'broken',
  })
  await expect(creation).rejects.toThrow(/node n1 has a pod "twice" already/)
  expect(traces()).toEqual(before)
  await using lab = await Lab.create({ nodes: [] })
  const labs = readdirSync(dirname(lab.cgroup))
  expect(labs.filter((name) => name.startsWith('kproxy-lab-broken-'))).toEqual([])
})

test('Ctrl-C on the owner takes everything down', async () => {
  const { owner, cgroup, pids } = await startOwner()
  process.kill(-(owner.pid as number), 'SIGINT')
  await gone(cgroup)
  expect(pids.filter(isRunning)).toEqual([])
})

test('SIGKILL of the owner takes everything down', async () => {
  const { owner, cgroup, pids } = await startOwner()
  owner.kill('SIGKILL')
  await gone(cgroup)
  expect(pids.filter(isRunning)).toEqual([])
})

test('after SIGKILL of owner and guard the next start sweeps, and spares laboratories in use', async () => {
  await using other = await Lab.create({ nodes: [{ name: 'n1' }] })
  const { owner, cgroup, guard, pids } = await startOwner()
  process.kill(guard, 'SIGKILL')
  owner.kill('SIGKILL')
  await once(owner, 'exit')
  expect(pids.filter(isRunning)).toEqual(pids)

  await using next = await Lab.create({ nodes: [{ name: 'n1' }] })
  expect(existsSync(cgroup)).toBe(false)
  expect(pids.filter(isRunning)).toEqual([])
  for (const lab of [other, next]) {
    expect((await lab.node('n1').exec(['hostname'])).stdout).toBe('n1\n')
  }
})

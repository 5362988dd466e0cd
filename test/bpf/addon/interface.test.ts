import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BpfObject, type BpfProgram, interfacePrograms } from '#addon'

const script = join(import.meta.dirname, 'interface-scenarios.ts')

/** What a scenario comes to in a network namespace that has an lo and nothing else. */
function play<T>(name: string): T {
  const child = spawnSync('unshare', ['--net', process.execPath, script, name], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  expect(child).toMatchObject({ stderr: '', status: 0, signal: null })
  return JSON.parse(child.stdout)
}

describe('interfaces', () => {
  it('are those of this network namespace, with what they carry', () => {
    const found = play<{ index: number; name: string }[]>('list')
    expect(found.map(({ index: _, ...rest }) => rest)).toEqual([
      { name: 'lo', hardwareType: 772, up: false, loopback: true },
      { name: 'west', hardwareType: 1, up: true, loopback: false },
      { name: 'east', hardwareType: 1, up: false, loopback: false },
    ])
    expect(new Set(found.map(({ index }) => index)).size).toBe(3)
  })
})

interface Attached {
  readonly programs: readonly [number, number]
  readonly attached: object
  readonly index: number
  readonly before: readonly number[]
  readonly after: readonly number[]
  readonly gone: number
  readonly query: string
  readonly attach: string
}

describe('a link to an interface', () => {
  it('tells what it attaches to what, changes its program, and outlives its interface', () => {
    const { programs, attached, index, before, after, gone, query, attach } =
      play<Attached>('attach')
    expect(attached).toEqual({
      id: expect.any(Number),
      programId: programs[0],
      cgroupId: '0',
      attachType: 'tcx_ingress',
      interfaceIndex: index,
    })
    expect([before, after]).toEqual([[programs[0]], [programs[1]]])
    expect([gone, query, attach]).toEqual([0, 'ENODEV', 'ENODEV'])
  })

  it('attaches until it is closed or detached', () => {
    expect(play('close')).toEqual({ closed: [], detached: [], index: 0 })
  })

  it('refuses arguments that cannot be', () => {
    expect(() => interfacePrograms(0, 'tcx_ingress')).toThrow(/^interfaceIndex must be/)
    using object = BpfObject.load(join(import.meta.dirname, '../../../build/bpf/edge.bpf.o'))
    const program: BpfProgram = object.program('edge_ingress')
    expect(() => program.attachInterface(1, 'ingress' as never)).toThrow(
      /^attachType must be one of tcx_ingress, tcx_egress, got "ingress"$/,
    )
  })
})

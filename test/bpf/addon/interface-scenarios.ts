/**
 * Run by interface.test.ts in a network namespace of its own: `node interface-scenarios.ts NAME` plays
 * one and prints what came of it as JSON.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { BpfObject, interfacePrograms, networkInterfaces } from '#addon'

const ip = (...args: readonly string[]) => execFileSync('ip', args)
const load = () => BpfObject.load(join(import.meta.dirname, '../../../build/bpf/edge.bpf.o'))
const codeOf = (act: () => unknown) => {
  try {
    act()
  } catch (error) {
    return (error as { code?: string }).code
  }
  return 'nothing thrown'
}

function indexOf(name: string): number {
  return networkInterfaces().find((one) => one.name === name)?.index ?? 0
}

const scenarios: Readonly<Record<string, () => unknown>> = {
  list() {
    ip('link', 'add', 'east', 'type', 'veth', 'peer', 'name', 'west')
    ip('link', 'set', 'west', 'up')
    return networkInterfaces()
  },

  attach() {
    ip('link', 'add', 'east', 'type', 'veth', 'peer', 'name', 'west')
    const index = indexOf('east')
    const object = load()
    const first = object.program('edge_ingress')
    const second = object.program('edge_egress')
    const link = first.attachInterface(index, 'tcx_ingress')
    const ids = () => interfacePrograms(index, 'tcx_ingress')
    const attached = { ...link.info, cgroupId: String(link.info.cgroupId) }
    const before = ids()
    link.update(second)
    const after = ids()
    ip('link', 'del', 'east')
    return {
      programs: [first.info.id, second.info.id],
      attached,
      index,
      before,
      after,
      gone: link.info.interfaceIndex,
      query: codeOf(ids),
      attach: codeOf(() => first.attachInterface(index, 'tcx_egress')),
    }
  },

  close() {
    const object = load()
    const link = object.program('edge_ingress').attachInterface(1, 'tcx_egress')
    link.close()
    const closed = interfacePrograms(1, 'tcx_egress')
    const again = object.program('edge_ingress').attachInterface(1, 'tcx_egress')
    again.detach()
    return {
      closed,
      detached: interfacePrograms(1, 'tcx_egress'),
      index: again.info.interfaceIndex,
    }
  },
}

const scenario = scenarios[process.argv[2] ?? '']
if (scenario === undefined) throw new Error(`scenarios: ${Object.keys(scenarios).join(', ')}`)
process.stdout.write(JSON.stringify(scenario()))

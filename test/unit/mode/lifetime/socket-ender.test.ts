import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type EnderRun,
  SocketEnder,
  type SocketEnderOptions,
} from '../../../../control/mode/ebpf/lifetime/socket-ender.ts'
import type { Ending, StalePeer } from '../../../../control/mode/ebpf/lifetime/stale-peer.ts'

/** A stale socket of the namespace with cookie 1 (the agent's own), 2, ... */
function peer(netns: number, backendId = 7, serviceId = 3): StalePeer {
  return {
    netns: BigInt(netns),
    frontend: '10.96.0.10:53/UDP',
    backend: `10.244.0.${backendId}:53`,
    serviceId,
    backendId,
    socket: {
      protocol: 17,
      localAddress: new Uint8Array(4),
      localPort: 40_000,
      remoteAddress: new Uint8Array(4),
      remotePort: 53,
      cookie: BigInt(netns),
    },
  }
}

/** Sockets as the kernel would show and end them; namespace n lies at path "n". */
class FakeSockets {
  stale: StalePeer[] = []
  agreed: readonly Ending[] = []
  calls: string[] = []
  /** Called inside each `find`. */
  onFind: () => void = () => undefined
  unreachable = new Set<bigint>()
  failing = new Set<bigint>()

  async find() {
    this.calls.push('find')
    this.onFind()
    return [...this.stale]
  }

  async agree(endings: readonly Ending[]) {
    this.agreed = endings
  }

  async end(found: readonly StalePeer[], path?: string) {
    const netns = BigInt(path ?? 1)
    this.calls.push(`end ${netns}`)
    expect(new Set(found.map((one) => one.netns))).toEqual(new Set([netns]))
    await Promise.resolve()
    if (this.failing.has(netns)) throw new Error(`namespace ${netns} is gone`)
    const isEnded = (one: StalePeer) =>
      one.netns === netns &&
      this.agreed.some(
        ({ serviceId, backendId }) => serviceId === one.serviceId && backendId === one.backendId,
      )
    const ended = this.stale.filter(isEnded)
    this.stale = this.stale.filter((one) => !isEnded(one))
    return ended
  }
}

let sockets: FakeSockets
let runs: EnderRun[]
let ender: SocketEnder

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  sockets = new FakeSockets()
  runs = []
  ender = enderOf()
})

afterEach(async () => {
  await ender.stop()
  vi.useRealTimers()
})

function enderOf(options: Partial<SocketEnderOptions> = {}): SocketEnder {
  return new SocketEnder({
    sockets: () => sockets,
    namespaces: {
      async find(cookies) {
        const all = [...cookies]
        const missing = all.filter((cookie) => sockets.unreachable.has(cookie))
        const reachable = all.filter((cookie) => !sockets.unreachable.has(cookie))
        const netnsOf = (cookie: bigint) => ({ path: cookie === 1n ? undefined : String(cookie) })
        return { found: new Map(reachable.map((one) => [one, netnsOf(one)])), missing }
      },
    },
    isServing: () => false,
    mostEndings: 4096,
    onRun: (run) => runs.push(run),
    ...options,
  })
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

describe('sockets are ended', () => {
  it('at once after a change, in the namespaces that have any and in no other', async () => {
    sockets.stale = [peer(2), peer(4), peer(4), peer(1)]
    ender.ask()
    await pass(0)
    expect(runs).toHaveLength(1)
    expect(runs[0]).toMatchObject({ left: [], missing: [], error: undefined })
    expect(runs[0]?.ended).toHaveLength(4)
    expect(sockets.calls.toSorted()).toEqual(['end 1', 'end 2', 'end 4', 'find', 'find'])
  })

  it('without walking any namespace where none is stale', async () => {
    ender.ask()
    await pass(0)
    expect(sockets.calls).toEqual(['find'])
  })

  it('50 ms apart at the least, what is asked for meanwhile together', async () => {
    ender.ask()
    await pass(0)
    for (let n = 0; n < 20; n++) ender.ask()
    await pass(40)
    expect(runs).toHaveLength(1)
    await pass(10)
    expect(runs).toHaveLength(2)
    await pass(500)
    expect(runs).toHaveLength(2)
  })

  it('once more for what is asked for during a run', async () => {
    sockets.onFind = () => {
      sockets.onFind = () => undefined
      ender.ask()
    }
    ender.ask()
    await pass(0)
    expect(runs).toHaveLength(1)
    await pass(50)
    expect(runs).toHaveLength(2)
  })

  it('after a second look, when they were in connect() during the change', async () => {
    ender.ask()
    await pass(0)
    sockets.stale = [peer(2)]
    await pass(1010)
    expect(runs.map(({ ended }) => ended.length)).toEqual([0, 1])
    await pass(5000)
    expect(runs).toHaveLength(2)
  })

  it('in several rounds where there are more than one takes', async () => {
    await ender.stop()
    ender = enderOf({ mostEndings: 2 })
    sockets.stale = [peer(2, 1), peer(2, 2), peer(2, 3), peer(3, 4), peer(3, 5)]
    ender.ask()
    await pass(0)
    expect(runs[0]?.ended).toHaveLength(5)
    expect(sockets.stale).toEqual([])
  })

  it('but for those whose endpoint serves all the same (CT-1)', async () => {
    await ender.stop()
    ender = enderOf({ isServing: ({ backendId }) => backendId === 1 })
    sockets.stale = [peer(2, 1), peer(2, 2), peer(3, 1)]
    ender.ask()
    await pass(0)
    expect(runs[0]).toMatchObject({ ended: [peer(2, 2)], left: [] })
    expect(sockets.stale).toEqual([peer(2, 1), peer(3, 1)])
    expect(sockets.calls).not.toContain('end 3')
  })
})

describe('what cannot be ended', () => {
  it('is left where no path leads to its namespace, and the others are ended', async () => {
    sockets.stale = [peer(2), peer(3), peer(4)]
    sockets.unreachable.add(3n)
    ender.ask()
    await pass(0)
    expect(runs[0]).toMatchObject({ left: [peer(3)], missing: [3n] })
    expect(runs[0]?.ended).toHaveLength(2)
  })

  it('is left where a namespace fails, and the others are ended', async () => {
    sockets.stale = [peer(2), peer(3), peer(4)]
    sockets.failing.add(3n)
    ender.ask()
    await pass(0)
    expect(runs[0]).toMatchObject({ left: [peer(3)], error: new Error('namespace 3 is gone') })
    expect(runs[0]?.ended).toHaveLength(2)
  })

  it('is no trouble where the namespace goes with its sockets', async () => {
    sockets.stale = [peer(2), peer(3)]
    sockets.failing.add(3n)
    let looks = 0
    sockets.onFind = () => {
      if (++looks === 2) sockets.stale = []
    }
    ender.ask()
    await pass(0)
    expect(runs).toEqual([{ ended: [peer(2)], left: [], missing: [], error: undefined }])
  })

  it('is tried again at the next change', async () => {
    sockets.stale = [peer(2)]
    sockets.failing.add(2n)
    ender.ask()
    await pass(0)
    sockets.failing.clear()
    ender.ask()
    await pass(50)
    expect(runs[1]).toMatchObject({ ended: [peer(2)], left: [], error: undefined })
  })

  it('is told where nothing can be loaded at all', async () => {
    await ender.stop()
    const error = new Error('no bpf_sock_destroy')
    ender = enderOf({
      sockets: () => {
        throw error
      },
    })
    ender.ask()
    await pass(0)
    expect(runs).toEqual([{ ended: [], left: [], missing: [], error }])
  })
})

it('nothing runs after stop, which waits for what is under way', async () => {
  sockets.stale = [peer(2), peer(3), peer(4)]
  ender.ask()
  ender.ask()
  await ender.stop()
  await pass(2000)
  expect(sockets.calls).toEqual([])
  ender.ask()
  await pass(2000)
  expect(sockets.calls).toEqual([])
})

/**
 * Run by address.test.ts in a network namespace of its own: `node address-scenarios.ts NAME` plays one
 * and prints what came of it as JSON. `ip` is waited for with the event loop stopped, so what it changes
 * is there to be seen at the next turn of the loop, all of it at once.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { AddressWatcher, interfaceAddresses } from '#addon'

const ip = (...lines: readonly string[]) =>
  execFileSync('ip', ['-batch', '-'], { input: lines.join('\n') })
const texts = () => interfaceAddresses().map(({ address }) => address)
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Long enough for the loop to poll whatever there is. */
async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn()
}

/** What the loop calls, in order: the addresses at each call. */
function record() {
  const calls: string[][] = []
  const watcher = new AddressWatcher(() => calls.push(texts()))
  return { calls, watcher }
}

/** Commands, and the addresses that a call is to find after them. */
type Step = readonly [lines: readonly string[], addresses: readonly string[]]

/** How many of the steps were seen; a step that is not leaves the scenario where it is. */
async function play(steps: readonly Step[]): Promise<number> {
  const { calls, watcher } = record()
  for (const [lines, addresses] of steps) {
    calls.length = 0
    ip(...lines)
    // IPv6 addresses are ready, and said to be, some time after the command.
    while (calls.at(-1)?.join() !== addresses.join()) await turn()
  }
  watcher.close()
  return steps.length
}

const PAIR = 'link add east type veth peer name west'

const scenarios: Readonly<Record<string, () => unknown>> = {
  list() {
    ip(
      PAIR,
      'address add 192.0.2.1/24 dev east',
      'address add 192.0.2.9/24 dev east',
      'address add 198.51.100.1 peer 198.51.100.2/32 dev west scope 77',
      'address add 127.0.0.1/8 dev lo scope host',
      'address add 2001:db8:0:0:1::1/64 dev east nodad',
      'address add fd00::1 peer fd00::2 dev west nodad',
      'address add ::102:304/128 dev lo nodad',
      'address add ::7/128 dev lo nodad',
      'address add fd00::ff/128 dev lo scope link nodad',
    )
    return interfaceAddresses()
  },

  empty: () => interfaceAddresses(),

  many() {
    ip(...Array.from({ length: 5_000 }, (_, i) => `address add ${many(i)} dev lo`))
    return new Set(texts()).size
  },

  async duplicates() {
    const find = () => interfaceAddresses().find(({ interface: name }) => name === 'east')
    // Each probe takes a second: there is time to look.
    writeFileSync('/proc/sys/net/ipv6/conf/default/dad_transmits', '60')
    ip(PAIR, 'address add fd00::1/64 dev west nodad', 'link set west addrgenmode none up')
    ip('link set east addrgenmode none up', 'address add fd00::1/64 dev east')
    const before = find()
    while (find()?.dadFailed === false) await turn()
    return [before, find()]
  },

  changes: () =>
    play([
      [['address add 192.0.2.1/24 dev lo'], ['192.0.2.1']],
      [['address add 2001:db8::1/128 dev lo nodad'], ['192.0.2.1', '2001:db8::1']],
      [['address del 192.0.2.1/24 dev lo'], ['2001:db8::1']],
      [['address del 2001:db8::1/128 dev lo'], []],
    ]),

  interfaces: () =>
    play([
      [[PAIR, 'address add 192.0.2.1/24 dev east'], ['192.0.2.1']],
      [['address add fd00::1/64 dev east nodad'], ['192.0.2.1', 'fd00::1']],
      [['link del east'], []],
    ]),

  async batch() {
    const { calls, watcher } = record()
    ip('address add 192.0.2.1/24 dev lo', 'address add 192.0.2.2/24 dev lo')
    await turns()
    watcher.close()
    return calls
  },

  async overflow() {
    const { calls, watcher } = record()
    ip(...Array.from({ length: 5_000 }, (_, i) => `address add ${many(i)} dev lo`))
    await turns()
    const first = new Set(calls.at(-1)).size
    const burst = calls.length
    ip('address add 192.0.2.1/24 dev lo')
    await turns()
    watcher.close()
    return { burst, first, after: calls.length - burst, last: calls.at(-1)?.includes('192.0.2.1') }
  },

  async errors() {
    const caught: string[] = []
    process.on('uncaughtException', (error) => caught.push(error.message))
    let calls = 0
    const watcher = new AddressWatcher(() => {
      throw new Error(`call ${++calls}`)
    })
    for (const number of [1, 2]) {
      ip(`address add 192.0.2.${number}/24 dev lo`)
      await turns()
    }
    watcher.close()
    return caught
  },

  async close() {
    const { calls, watcher } = record()
    ip('address add 192.0.2.1/24 dev lo')
    watcher.close()
    watcher.close()
    await turns()
    ip('address add 192.0.2.2/24 dev lo')
    await turns()
    // From within its own call, too.
    let own = 0
    const other = new AddressWatcher(() => {
      own++
      other.close()
    })
    for (const number of [3, 4]) {
      ip(`address add 192.0.2.${number}/24 dev lo`)
      await turns()
    }
    return { calls: calls.length, own }
  },

  async collected() {
    const collect = globalThis.gc as () => void
    const sockets = () => readdirSync('/proc/self/fd').length
    let calls = 0
    let before = 0
    // The listing of /proc needs the first turns of the loop to settle as well.
    for (let i = 0; i < 3; i++) {
      await turns()
      before = sockets()
    }
    ;(() => {
      for (let i = 0; i < 20; i++) {
        const watcher: { own?: AddressWatcher } = {}
        watcher.own = new AddressWatcher(() => {
          calls += watcher.own === undefined ? 0 : 1
        })
      }
    })()
    const open = sockets() - before
    while (sockets() > before) {
      collect()
      await turn()
    }
    ip('address add 192.0.2.1/24 dev lo')
    await turns()
    return { open, calls }
  },

  async threads() {
    for (let i = 0; i < 5; i++) {
      const source = `
        import { AddressWatcher } from ${JSON.stringify(import.meta.resolve('#addon'))}
        import { parentPort } from 'node:worker_threads'
        const watchers = [1, 2, 3].map(() => new AddressWatcher(() => parentPort.postMessage('called')))
        watchers[0].close()
        parentPort.on('message', () => {})
        parentPort.postMessage('watching')
      `
      const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`))
      await heard(worker, 'watching')
      const called = heard(worker, 'called')
      ip(`address add 192.0.2.${i}/24 dev lo`)
      await called
      await worker.terminate()
    }
    return 'ended'
  },

  /** Nothing but the watcher is there when this returns. */
  idle() {
    ip('address add 192.0.2.1/24 dev lo')
    Reflect.set(globalThis, 'kept', record())
    return 'returned'
  },

  exit() {
    Reflect.set(globalThis, 'kept', record())
    ip('address add 192.0.2.1/24 dev lo')
    process.on('exit', () => console.log(JSON.stringify('exited')))
    process.exit()
  },
}

const many = (index: number) => `10.1.${index >> 8}.${index & 255}/32`

function heard(worker: Worker, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message) => message === word && resolve())
    worker.once('error', reject)
  })
}

const [name = ''] = process.argv.slice(2)
console.log(JSON.stringify(await scenarios[name]?.()))

/** Run by addresses.test.ts in a network namespace of its own: `node addresses-scenarios.ts NAME`. */
import { execFileSync } from 'node:child_process'
import { interfaceAddresses } from '#addon'
import { NodeAddresses } from '../../../control/node/addresses.ts'

const ip = (...lines: readonly string[]) =>
  execFileSync('ip', ['-batch', '-'], { input: lines.join('\n') })
const turn = () => new Promise((resolve) => setImmediate(resolve))
const turns = async () => {
  for (let i = 0; i < 5; i++) await turn()
}
const until = async (condition: () => boolean) => {
  while (!condition()) await turn()
}

const scenarios: Readonly<Record<string, () => unknown>> = {
  async follow() {
    const heard: (readonly string[])[] = []
    const addresses = new NodeAddresses({
      onChange: (list) => heard.push(list),
      onError: (error) => heard.push([String(error)]),
    })
    ip('link add east type veth peer name west')
    ip('address add 192.0.2.1/24 dev east', 'address add 192.0.2.1/24 dev west')
    const before = addresses.list()
    addresses.start()
    const first = addresses.list()
    ip('address add 10.0.0.1/8 dev west')
    await until(() => heard.length === 1)
    // One of two interfaces loses it, the other still has it; a lifetime is no change either.
    ip('address del 192.0.2.1/24 dev east')
    await turns()
    ip('address change 10.0.0.1/8 dev west valid_lft 9999 preferred_lft 9999')
    await turns()
    ip('link del east')
    await until(() => heard.length === 2)
    addresses.close()
    addresses.close()
    ip('address add 192.0.2.7/24 dev lo')
    await turns()
    return { before, first, heard, last: addresses.list() }
  },

  async trouble() {
    const heard: unknown[] = []
    let broken = false
    const addresses = new NodeAddresses({
      onChange: (list) => heard.push(list),
      onError: (error) => {
        heard.push((error as Error).message)
        if (heard.length === 2) broken = false
      },
      read: () => {
        if (broken) throw new Error('no more files')
        return interfaceAddresses()
      },
      retryMs: 1,
    })
    addresses.start()
    broken = true
    ip('address add 192.0.2.1/24 dev lo')
    const keep = setInterval(() => {}, 1_000)
    await until(() => heard.length === 3)
    clearInterval(keep)
    return { heard, list: addresses.list() }
  },

  start() {
    const addresses = new NodeAddresses({
      onChange: () => {},
      onError: () => {},
      read: () => {
        throw new Error('no more files')
      },
    })
    try {
      addresses.start()
    } catch (error) {
      return { error: (error as Error).message, list: addresses.list() }
    }
  },
}

const [name = ''] = process.argv.slice(2)
console.log(JSON.stringify(await scenarios[name]?.()))

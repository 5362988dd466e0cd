import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** A network namespace that lives as long as its process. */
export class TemporaryNetns {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** @param udpPort of a socket that is open there */
  static async make(udpPort = 0): Promise<TemporaryNetns> {
    const script = `
      const socket = require('node:dgram').createSocket('udp4')
      socket.bind(${udpPort}, '0.0.0.0', () => console.log('ready'))
      process.stdin.on('end', () => process.exit()).resume()`
    const child = spawn('unshare', ['--net', process.execPath, '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    if (child.stdout === null) throw new Error('no standard output')
    await once(child.stdout, 'data')
    return new TemporaryNetns(child)
  }

  get path(): string {
    return `/proc/${this.#child.pid}/ns/net`
  }

  async end(): Promise<void> {
    this.#child.stdin?.end()
    await once(this.#child, 'exit')
  }
}

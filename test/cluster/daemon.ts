import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from './host.ts'

/** A long-running program on a host, its output in a file, ended by its own process id alone. */
export class Daemon {
  readonly name: string
  readonly log: string
  readonly #child: ChildProcess
  #exited = false

  constructor(
    host: Host,
    directory: string,
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ) {
    this.name = command.slice(command.lastIndexOf('/') + 1)
    this.log = join(directory, `${host.name}-${this.name}.log`)
    // Appended: what a program said before it was killed and started again is often the answer.
    const output = openSync(this.log, 'a')
    this.#child = host.spawn(command, args, { stdio: ['ignore', output, output], env })
    closeSync(output)
    this.#child.on('error', () => {
      this.#exited = true
    })
    this.#child.on('exit', () => {
      this.#exited = true
    })
  }

  get running(): boolean {
    return !this.#exited
  }

  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error(`${this.name} was never started`)
    return pid
  }

  /** The last lines of what it wrote, for the message of a failure. */
  tail(lines = 20): string {
    return readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  }

  /** Sends a signal and waits for the end; returns at once where it has ended already. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#exited) return
    const ended = once(this.#child, 'exit')
    this.#child.kill(signal)
    await ended
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }
}

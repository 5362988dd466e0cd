import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

export interface Exit {
  /** Exit code; null when a signal ended the process. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface SpawnOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** What `ready` waits for on stdout; without it `ready` resolves at once. */
  readonly ready?: RegExp
  /** Milliseconds that `ready` may take; 10,000 unless told. */
  readonly readyTimeout?: number
  /** A file that stdout and stderr are appended to, for processes that outlive this one. */
  readonly log?: string
}

export interface ExecOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly input?: string
  /** Milliseconds until SIGKILL; 30,000 unless told. */
  readonly timeout?: number
  /** Throw when the command fails (the default). */
  readonly check?: boolean
}

interface Waiter {
  readonly pattern: RegExp
  readonly resolve: (line: string) => void
  readonly reject: (error: Error) => void
}

/** A running process: its output so far, and ways to wait for more. */
export class Child {
  readonly pid: number
  /** Resolves when the process has said that it is ready; see SpawnOptions.ready. */
  readonly ready: Promise<void>
  readonly #argv: readonly string[]
  readonly #process: ChildProcess
  readonly #exit: Promise<Exit>
  #stdout = ''
  #stderr = ''
  #ended = false
  #waiters: Waiter[] = []

  constructor(argv: readonly string[], shown: readonly string[], options: SpawnOptions = {}) {
    const [file, ...rest] = argv
    if (file === undefined) throw new TypeError('spawn needs a command')
    const log = options.log === undefined ? undefined : openSync(options.log, 'a')
    const output = log ?? 'pipe'
    // A session of its own: Ctrl-C reaches the owner only, and the guard ends the rest.
    this.#process = spawn(file, rest, {
      detached: true,
      stdio: [log === undefined ? 'pipe' : 'ignore', output, output],
      ...(options.env && { env: options.env }),
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    })
    if (log !== undefined) closeSync(log)
    this.#argv = shown
    this.pid = this.#process.pid ?? -1
    this.#collect(this.#process.stdout, (text) => {
      this.#stdout += text
      this.#settle()
    })
    this.#collect(this.#process.stderr, (text) => {
      this.#stderr += text
    })
    this.#process.stdin?.on('error', () => {}) // EPIPE: the exit says more
    this.#exit = new Promise((resolve, reject) => {
      this.#process.once('error', (error) => {
        this.#fail()
        reject(new Error(`${this} could not be started: ${error.message}`))
      })
      this.#process.once('close', (code, signal) => {
        this.#fail()
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr })
      })
    })
    this.#exit.catch(() => {})
    this.ready =
      options.ready === undefined
        ? Promise.resolve()
        : this.waitForLine(options.ready, options.readyTimeout).then(() => {})
    this.ready.catch(() => {})
  }

  /** Everything on stdout so far. */
  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  /** Complete lines on stdout so far. */
  get lines(): string[] {
    return this.#stdout.split('\n').slice(0, -1)
  }

  /** Resolves with the first line of stdout, past or to come, that matches. */
  async waitForLine(pattern: RegExp, timeout = 10_000): Promise<string> {
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<string>((resolve, reject) => {
        this.#waiters.push({ pattern, resolve, reject })
        timer = setTimeout(() => reject(this.#error(`did not print ${pattern}`)), timeout)
        this.#settle()
        if (this.#ended) this.#fail()
      })
    } finally {
      clearTimeout(timer)
      this.#waiters = this.#waiters.filter((waiter) => waiter.pattern !== pattern)
    }
  }

  write(text: string): void {
    this.#process.stdin?.write(text)
  }

  /** Ends stdin, which `peer` takes as the order to finish. */
  end(text = ''): void {
    this.#process.stdin?.end(text)
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#process.kill(signal)
  }

  wait(): Promise<Exit> {
    this.#hold('ref')
    return this.#exit
  }

  /** Asks the process to finish and waits until it has. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.kill(signal)
    return this.wait()
  }

  /** Lets this process exit although the child still runs, unless something waits for it. */
  unref(): void {
    this.#hold('unref')
  }

  toString(): string {
    return this.#argv.join(' ')
  }

  #hold(how: 'ref' | 'unref'): void {
    this.#process[how]()
    // As a child's pipes they are sockets, whatever the types say.
    for (const stream of this.#process.stdio) (stream as Socket | null)?.[how]()
  }

  #collect(stream: Readable | null, take: (text: string) => void): void {
    stream?.setEncoding('utf8')
    stream?.on('data', take)
  }

  #settle(): void {
    for (const waiter of this.#waiters) {
      const line = this.lines.find((candidate) => waiter.pattern.test(candidate))
      if (line !== undefined) waiter.resolve(line)
    }
  }

  #fail(): void {
    this.#ended = true
    for (const waiter of this.#waiters) {
      waiter.reject(this.#error(`ended without printing ${waiter.pattern}`))
    }
  }

  #error(what: string): Error {
    return new Error(`"${this}" ${what}\nstdout: ${this.#stdout}\nstderr: ${this.#stderr}`)
  }
}

/** Runs a command to its end. */
export async function run(
  argv: readonly string[],
  shown: readonly string[],
  options: ExecOptions = {},
): Promise<Exit> {
  const child = new Child(argv, shown, options)
  child.end(options.input)
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeout ?? 30_000)
  try {
    const exit = await child.wait()
    if (exit.code !== 0 && options.check !== false) {
      const how = exit.signal === null ? `exited with ${exit.code}` : `was ended by ${exit.signal}`
      throw new Error(`"${shown.join(' ')}" ${how}: ${exit.stderr.trim()}`)
    }
    return exit
  } finally {
    clearTimeout(timer)
  }
}

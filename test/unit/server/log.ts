import { setTimeout as sleep } from 'node:timers/promises'

interface Line {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: object
  readonly message: string
}

/** A log that tests read. */
export class Log {
  readonly lines: Line[] = []

  readonly debug = (fields: object, message: string) => this.#add('debug', fields, message)
  readonly info = (fields: object, message: string) => this.#add('info', fields, message)
  readonly warn = (fields: object, message: string) => this.#add('warn', fields, message)
  readonly error = (fields: object, message: string) => this.#add('error', fields, message)

  /** Fields of the lines of a level. */
  of(level: Line['level']): object[] {
    return this.lines.filter((line) => line.level === level).map(({ fields }) => fields)
  }

  /** Waits for a line with this message. */
  async until(message: string): Promise<void> {
    while (!this.lines.some((line) => line.message === message)) await sleep(2)
  }

  /** Gives what would be wrong so much time to happen, in milliseconds. */
  async quiet(milliseconds: number): Promise<void> {
    await sleep(milliseconds)
  }

  #add(level: Line['level'], fields: object, message: string): void {
    this.lines.push({ level, fields, message })
  }
}

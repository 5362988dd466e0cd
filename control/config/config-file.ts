import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { DirectoryWatcher } from '../source/directory/watcher.ts'
import type { SourceLog } from '../source/log.ts'
import { ConfigError } from './problem.ts'

/**
 * The file of --config. It is watched by way of its directory: a ConfigMap volume changes its files by swapping a
 * link beside them, which nobody sees who watches the file itself (CF-11).
 */
export class ConfigFile {
  readonly path: string
  readonly #log: SourceLog
  readonly #watcher: DirectoryWatcher
  readonly #changed: (text: string) => Promise<void>
  #text: string
  #missing = false
  #reading = false

  private constructor(
    path: string,
    text: string,
    log: SourceLog,
    changed: (text: string) => Promise<void>,
  ) {
    this.path = path
    this.#text = text
    this.#log = log
    this.#changed = changed
    this.#watcher = new DirectoryWatcher(dirname(resolve(path)), log, () => void this.#look())
  }

  /** Watches a file from the content on that was read before. @param changed gets each new content */
  static async watch(
    path: string,
    text: string,
    log: SourceLog,
    changed: (text: string) => Promise<void>,
  ): Promise<ConfigFile> {
    const file = new ConfigFile(path, text, log, changed)
    await file.#watcher.start()
    // What changed between reading and watching.
    file.#watcher.lookAfter(0)
    return file
  }

  stop(): void {
    this.#watcher.stop()
  }

  async #look(): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    try {
      const text = await readFile(this.path, 'utf8')
      this.#missing = false
      if (text === this.#text) return
      this.#text = text
      await this.#changed(text)
    } catch (error) {
      // As upstream, a file that goes away changes nothing (CF-10); editors remove and write anew.
      if (!this.#missing) {
        this.#log.warn({ file: this.path, err: error }, 'the configuration file cannot be read')
      }
      this.#missing = true
    } finally {
      this.#reading = false
    }
  }
}

/** Reads the file of --config. @throws {ConfigError} naming it */
export function readConfigFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    const message = `the file cannot be read: ${detail}; give the path of a configuration file`
    throw new ConfigError([{ severity: 'error', at: path, path: '', message }])
  }
}

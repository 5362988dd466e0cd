import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { SourceLog } from '../log.ts'

/** How long the first of several notifications waits for the others. */
const GATHER_MS = 10
/** Safety net: some file systems (NFS, some container mounts) notify of nothing. */
const POLL_MS = 2_000

/** Calls back when a directory may have changed, soon after a notification and from time to time. */
export class DirectoryWatcher {
  readonly #directory: string
  readonly #log: SourceLog
  readonly #look: (firstNoticeAt: number) => void
  #watcher: FSWatcher | undefined
  #watched: bigint | undefined
  #timer: NodeJS.Timeout | undefined
  #poll: NodeJS.Timeout | undefined
  #noticedAt: number | undefined
  #stopped = false

  constructor(directory: string, log: SourceLog, look: (firstNoticeAt: number) => void) {
    this.#directory = directory
    this.#log = log
    this.#look = look
  }

  async start(): Promise<void> {
    await this.#arm()
    this.#poll = setInterval(() => void this.#arm().then(() => this.lookAfter(0)), POLL_MS)
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#poll)
    clearTimeout(this.#timer)
    this.#watcher?.close()
    this.#watcher = undefined
  }

  /** Asks for a look; one that is already planned serves as well. */
  lookAfter(milliseconds: number): void {
    if (this.#stopped) return
    this.#noticedAt ??= performance.now()
    this.#timer ??= setTimeout(() => {
      const noticedAt = this.#noticedAt ?? performance.now()
      this.#timer = undefined
      this.#noticedAt = undefined
      this.#look(noticedAt)
    }, milliseconds)
  }

  /** Watches the directory that has the name now: it may have been replaced, or not be there yet. */
  async #arm(): Promise<void> {
    const inode = await stat(this.#directory, { bigint: true }).then(
      ({ ino }) => ino,
      () => undefined,
    )
    if (this.#stopped || inode === this.#watched) return
    this.#watcher?.close()
    this.#watcher = undefined
    this.#watched = inode
    if (inode === undefined) return
    try {
      this.#watcher = watch(this.#directory, () => this.lookAfter(GATHER_MS))
      this.#watcher.on('error', (error) => this.#complain(error))
    } catch (error) {
      this.#complain(error)
    }
  }

  #complain(error: unknown): void {
    this.#log.warn(
      { directory: this.#directory, err: error },
      `no notifications for the directory; looking every ${POLL_MS / 1e3} s instead`,
    )
  }
}

import type { SourceLog } from '../log.ts'
import type { Kind } from '../objects.ts'
import type { Source, SourceEvent, SourceSink, SourceStatus, StreamStatus } from '../source.ts'
import { StringPool } from '../string-pool.ts'
import { Contents } from './contents.ts'
import { Files } from './files.ts'
import { type Manifest, parseManifest } from './manifest.ts'
import { DirectoryWatcher } from './watcher.ts'

const KINDS: readonly Kind[] = ['Service', 'EndpointSlice', 'Node', 'ServiceCIDR']
const RETRY_UNSETTLED_MS = 20

/** Objects from the YAML and JSON files of one directory, followed while they change. */
export class DirectorySource implements Source {
  readonly #files: Files
  readonly #contents: Contents
  readonly #watcher: DirectoryWatcher
  readonly #log: SourceLog
  readonly #pool = new StringPool()
  #sink: SourceSink = () => {}
  #looking: Promise<void> = Promise.resolve()
  #stopped = false
  #synced = false
  /** The agent was told that the first look left something unread, and not yet that it is mended. */
  #unread = false
  #lastEventAt: number | undefined
  #lastError: string | undefined

  constructor(directory: string, nodeName: string, log: SourceLog) {
    this.#log = log
    this.#files = new Files(directory)
    this.#contents = new Contents(nodeName)
    this.#watcher = new DirectoryWatcher(directory, log, (noticedAt) => {
      this.#looking = this.#looking.then(() => this.#look(noticedAt))
    })
  }

  async start(sink: SourceSink): Promise<void> {
    this.#sink = sink
    await this.#watcher.start()
    this.#watcher.lookAfter(0)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#watcher.stop()
    await this.#looking
  }

  status(): SourceStatus {
    const streams = KINDS.map((kind): StreamStatus => {
      return {
        kind,
        state: this.#state(),
        objects: this.#contents.count(kind),
        synced: this.#synced,
        how: 'directory',
        lastEventAt: this.#lastEventAt,
        silentMs: undefined,
        restarts: 0,
        lastError: this.#lastError,
      }
    })
    return { origin: this.#files.directory, streams, rejected: this.#contents.rejected }
  }

  #state(): StreamStatus['state'] {
    if (this.#stopped) return 'stopped'
    if (this.#lastError !== undefined) return 'retrying'
    return this.#synced ? 'watching' : 'listing'
  }

  /** One look at the directory. A directory that is gone keeps its objects: nobody deleted them. */
  async #look(noticedAt: number): Promise<void> {
    if (this.#stopped) return
    try {
      const { changed, unsettled } = await this.#files.look()
      if (this.#stopped) return
      this.#lastError = undefined
      this.#deliver(changed, !unsettled, noticedAt)
      if (unsettled) this.#watcher.lookAfter(RETRY_UNSETTLED_MS)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (this.#lastError === undefined) {
        this.#log.error(
          { directory: this.#files.directory, err: error },
          'cannot read the manifest directory; its objects stay in force',
        )
      }
      this.#lastError = message
    }
  }

  #deliver(
    changed: ReadonlyMap<string, string | Error | undefined>,
    settled: boolean,
    noticedAt: number,
  ): void {
    const manifests = new Map<string, Manifest | undefined>()
    for (const [file, text] of changed) manifests.set(file, this.#parse(file, text))
    const events: SourceEvent[] = [...this.#contents.update(manifests, noticedAt)]
    if (settled) events.push(...this.#progress())
    if (events.length === 0) return
    this.#lastEventAt = Date.now()
    this.#sink(events)
  }

  /** The first look at every file is over, or all of what it left unread is mended or gone. */
  #progress(): SourceEvent[] {
    const { unread } = this.#contents
    if (this.#synced && (!this.#unread || unread)) return []
    this.#synced = true
    this.#unread = unread
    return KINDS.map((kind) => ({ type: 'synced', kind, ...(unread && { unread }) }))
  }

  #parse(file: string, text: string | Error | undefined): Manifest | undefined {
    if (text === undefined) return undefined
    if (text instanceof Error) return unreadable(file, text)
    const manifest = parseManifest(file, text, this.#pool)
    if (manifest.ignoredKinds.length > 0) {
      this.#log.debug(
        { file, kinds: manifest.ignoredKinds },
        'ignored kinds that a proxy does not use',
      )
    }
    return manifest
  }
}

function unreadable(file: string, error: Error): Manifest {
  const reason = `${file}: ${error.message}; its last good content stays in force`
  const rejections = [{ subject: file, reason }]
  return { objects: new Map(), rejections, incomplete: true, ignoredKinds: [] }
}

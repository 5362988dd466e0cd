import { toSeconds } from '../../seconds.ts'
import type { WatchEvent } from '../decode/raw-object.ts'
import type { SourceLog } from '../log.ts'
import type { StreamStatus } from '../source.ts'
import type { StringPool } from '../string-pool.ts'
import { ApiError, StreamError } from './api-error.ts'
import { Backoff } from './backoff.ts'
import type { Clock } from './clock.ts'
import { type Encoding, encodingOf } from './encoding.ts'
import { type ExchangeContext, exchange } from './exchange.ts'
import type { Intake } from './intake.ts'
import { Recovery } from './recovery.ts'
import { type Query, type Resource, requestPath } from './resource.ts'
import type { Timing } from './timing.ts'
import type { ApiResponse, Transport } from './transport.ts'
import type { Watchdog } from './watchdog.ts'

export interface ReflectorOptions {
  readonly resource: Resource
  readonly transport: Transport
  readonly intake: Intake
  readonly pool: StringPool
  readonly log: SourceLog
  readonly clock: Clock
  readonly random: () => number
  readonly timing: Timing
}

/**
 * Keeps the agent's view of one kind of object equal to the server's: a list, streamed where the server
 * can (AP-21) and paged where not (AP-20), then a watch that is taken up again whenever it ends.
 */
export class Reflector {
  readonly #options: ReflectorOptions
  readonly #recovery: Recovery
  readonly #stopping = new AbortController()
  readonly #exchange: ExchangeContext
  #running: Promise<void> | undefined
  /** Newest version that everything delivered corresponds to (AP-22); empty before the first list. */
  #version = ''
  #state: StreamStatus['state'] = 'connecting'
  #listedBy: 'WatchList' | 'list+watch' = 'WatchList'
  #encoding: Encoding['name'] = 'protobuf'
  #lastEventAt: number | undefined
  /** The same on the clock that does not jump. */
  #heardAt: number | undefined
  /** How often in a row the server was found not to have the kind. */
  #absences = 0

  constructor(options: ReflectorOptions) {
    this.#options = options
    const { transport, clock, timing } = options
    this.#recovery = new Recovery(options.resource, new Backoff(options.random), clock, timing)
    const { signal } = this.#stopping
    this.#exchange = { transport, clock, answerMs: timing.answer, signal }
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopped'))
    await this.#running
    this.#state = 'stopped'
  }

  status(): StreamStatus {
    const { intake } = this.#options
    return {
      kind: intake.kind,
      state: this.#state,
      objects: intake.objects,
      synced: intake.synced,
      how: `${this.#listedBy} ${this.#encoding}`,
      lastEventAt: this.#lastEventAt,
      silentMs: this.#heardAt === undefined ? undefined : this.#options.clock.now() - this.#heardAt,
      restarts: this.restarts.values().reduce((sum, count) => sum + count, 0),
      lastError: this.#recovery.lastError,
    }
  }

  /** How often the stream had to be taken up again, by reason. */
  get restarts(): ReadonlyMap<string, number> {
    return this.#recovery.restarts
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#advance()
      } catch (error) {
        if (!this.#stopping.signal.aborted) await this.#recover(error)
      }
    }
  }

  /** One request: a list if one is needed, else the watch from where the last one ended. */
  async #advance(): Promise<void> {
    // A kind that is absent stays so until the server answers otherwise.
    if (this.#state !== 'absent') this.#state = 'connecting'
    if (!this.#recovery.needsList) await this.#watch({ resourceVersion: this.#version })
    else if (this.#recovery.mayStreamList) await this.#streamList()
    else await this.#pageList()
  }

  async #recover(error: unknown): Promise<void> {
    const { clock, transport, log, resource, intake } = this.#options
    // A server that is just starting may refuse what it has: known objects stay in force.
    const mayBeAbsent = resource.optional && intake.objects === 0
    if (mayBeAbsent && error instanceof ApiError && error.isAbsence) {
      await this.#doWithout(error)
      return
    }
    const { reason, message, delay, renewCredentials } = this.#recovery.judge(error)
    const delaySeconds = toSeconds(delay)
    const details = { kind: resource.kind, reason, detail: message, delaySeconds }
    if (delay === 0) log.info(details, 'stream restarted in another way')
    else log.warn(details, 'stream broken; will try again')
    this.#state = 'retrying'
    if (renewCredentials) await transport.renew()
    if (delay > 0) await clock.sleep(delay, this.#stopping.signal)
  }

  /** There are no objects of this kind until the server, asked ever more rarely, has some. */
  async #doWithout({ message }: ApiError): Promise<void> {
    const { intake, clock, log, timing, random } = this.#options
    const [first, last] = timing.absent
    if (this.#absences === 0) log.info({ kind: intake.kind, detail: message }, 'kind is absent')
    this.#recovery.isAbsent(message)
    this.#state = 'absent'
    const delay = Math.min(first * 2 ** this.#absences++, last) * (0.5 + random())
    intake.beginList()
    intake.endList(performance.now())
    intake.flush()
    await clock.sleep(delay, this.#stopping.signal)
  }

  /** AP-21: one watch that sends every object first, then a mark, then goes on as a watch. */
  async #streamList(): Promise<void> {
    this.#listedBy = 'WatchList'
    this.#options.intake.beginList()
    await this.#watch({
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
      resourceVersion: this.#recovery.wantsFreshList ? '' : this.#version,
    })
  }

  /** AP-20. Every page is delivered as it comes; only the last one makes the list count. */
  async #pageList(): Promise<void> {
    const { intake, timing } = this.#options
    this.#listedBy = 'list+watch'
    intake.beginList()
    const first: Query = this.#recovery.wantsFreshList
      ? {}
      : this.#version === ''
        ? { resourceVersion: '0' }
        : { resourceVersion: this.#version, resourceVersionMatch: 'NotOlderThan' }
    const limit = this.#recovery.mayPage ? timing.pageSize : undefined
    let page = { resourceVersion: '', continueToken: '' }
    let former: string
    do {
      former = page.continueToken
      const query = page.continueToken === '' ? first : { continue: page.continueToken }
      const path = this.#path({ limit, ...query })
      this.#recovery.paging = page.continueToken !== ''
      await exchange(this.#exchange, path, async (response, watchdog) => {
        page = await this.#readPage(response, watchdog)
      })
      if (page.continueToken !== '' && page.continueToken === former) {
        throw new StreamError('malformed', 'the list goes on after its page with the same page')
      }
    } while (page.continueToken !== '')
    this.#finishList(page.resourceVersion, performance.now())
    intake.flush()
  }

  async #readPage(response: ApiResponse, watchdog: Watchdog) {
    const { intake, pool, timing, resource } = this.#options
    this.#enter('listing')
    const encoding = this.#useEncoding(response)
    const reader = encoding.listReader(resource.kind, pool)
    const silence = () => new StreamError('timeout', 'the list stopped arriving')
    await response.read((chunk) => {
      const receivedAt = performance.now()
      watchdog.expect(timing.answer, silence)
      this.#heard()
      for (const object of reader.push(chunk)) intake.set(object, receivedAt)
      intake.flush()
    })
    const receivedAt = performance.now()
    for (const object of reader.end()) intake.set(object, receivedAt)
    intake.flush()
    const { resourceVersion, continueToken } = reader
    return { resourceVersion, continueToken }
  }

  async #watch(query: Query): Promise<void> {
    const path = this.#path({
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: this.#watchSeconds(),
      ...query,
    })
    await exchange(this.#exchange, path, (response, watchdog) => this.#follow(response, watchdog))
  }

  async #follow(response: ApiResponse, watchdog: Watchdog): Promise<void> {
    const { intake, timing, resource, pool, clock } = this.#options
    this.#enter(this.#recovery.needsList ? 'listing' : 'watching')
    const encoding = this.#useEncoding(response)
    const framer = encoding.framer()
    const openedAt = clock.now()
    if (!this.#recovery.needsList) this.#recovery.streamOpened()
    this.#expectNext(watchdog, openedAt)
    let silent = true
    await response.read((chunk) => {
      const receivedAt = performance.now()
      silent = false
      this.#heard()
      try {
        for (const frame of framer.push(chunk, receivedAt)) {
          const event = this.#decode(() => encoding.decodeEvent(resource.kind, frame.bytes, pool))
          if (event !== undefined) this.#accept(event, frame.receivedAt)
        }
      } finally {
        intake.flush()
      }
      this.#expectNext(watchdog, openedAt)
    })
    framer.end()
    if (this.#recovery.needsList) {
      throw new StreamError('short', 'the watch ended before it had sent every object')
    }
    if (silent && clock.now() - openedAt < timing.short) {
      throw new StreamError('short', 'the watch ended as soon as it had begun')
    }
  }

  #heard(): void {
    this.#lastEventAt = Date.now()
    this.#heardAt = this.#options.clock.now()
  }

  /** How long the stream may be silent now; during the initial objects there is a limit in all, too. */
  #expectNext(watchdog: Watchdog, openedAt: number): void {
    const { timing, clock } = this.#options
    if (this.#recovery.needsList) {
      const left = Math.max(openedAt + timing.initialTotal - clock.now(), 0)
      watchdog.expect(
        Math.min(timing.initialSilence, left),
        () => new StreamError('deadline', 'the server did not say that it had sent every object'),
      )
    } else {
      const seconds = timing.silence / 1e3
      watchdog.expect(
        timing.silence,
        () => new StreamError('stale', `neither an event nor a bookmark for ${seconds} s`),
      )
    }
  }

  /** A message that cannot be read must not end the stream: the next one may be fine. */
  #decode(decode: () => WatchEvent): WatchEvent | undefined {
    try {
      return decode()
    } catch (error) {
      this.#options.intake.rejectMessage(error)
      return undefined
    }
  }

  #accept(event: WatchEvent, receivedAt: number): void {
    const { intake } = this.#options
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED':
        this.#progress(intake.set(event.object, receivedAt))
        break
      case 'DELETED':
        this.#progress(intake.delete(event.object, receivedAt))
        break
      case 'BOOKMARK':
        this.#progress(event.resourceVersion)
        if (event.initialEventsEnd && this.#recovery.needsList) {
          this.#finishList(event.resourceVersion, receivedAt)
          this.#state = 'watching'
          this.#recovery.streamOpened()
        }
        break
      case 'ERROR':
        throw new ApiError(event.status, true)
    }
  }

  /** AP-22. Initial objects come in no order of versions: only their end mark counts. */
  #progress(version: string): void {
    if (version !== '' && !this.#recovery.needsList) this.#version = version
  }

  #finishList(version: string, receivedAt: number): void {
    const { intake, log } = this.#options
    this.#absences = 0
    this.#version = version
    this.#recovery.listed()
    intake.endList(receivedAt)
    const how = `${this.#listedBy} ${this.#encoding}`
    log.debug({ kind: intake.kind, objects: intake.objects, how }, 'list complete')
  }

  #enter(state: 'listing' | 'watching'): void {
    if (this.#state === 'absent') this.#recovery.lastError = undefined
    this.#state = state
  }

  #path(query: Query): string {
    return requestPath(this.#options.resource, this.#recovery.mayUseFieldSelector, query)
  }

  #useEncoding(response: ApiResponse): Encoding {
    const encoding = encodingOf(response.contentType)
    this.#encoding = encoding.name
    return encoding
  }

  /** AP-20: random, so that the watches of a cluster do not all end together. */
  #watchSeconds(): number {
    const [least, most] = this.#options.timing.watchSeconds
    return Math.floor(least + this.#options.random() * (most - least))
  }
}

import { AddressWatcher, interfaceAddresses } from '#addon'

/** How soon addresses that could not be read are read again, in milliseconds. */
const RETRY_MS = 1_000

export interface NodeAddressesOptions {
  /** The list is another one now. */
  readonly onChange: (addresses: readonly string[]) => void
  /** Addresses changed and could not be read; the old list stays until a later try succeeds. */
  readonly onError: (error: unknown) => void
  readonly read?: () => readonly { readonly address: string }[]
  readonly retryMs?: number
}

/**
 * The addresses of this host as they come and go (TR-40, TR-43), in the network namespace of the process.
 * Nothing is polled: the kernel tells of changes.
 */
export class NodeAddresses {
  readonly #options: NodeAddressesOptions
  #watcher: AddressWatcher | undefined
  #retry: NodeJS.Timeout | undefined
  #list: readonly string[] = []

  constructor(options: NodeAddressesOptions) {
    this.#options = options
  }

  /**
   * Reads the addresses, and follows them from then on.
   *
   * @throws BpfError where this process may not open netlink sockets, or no more files
   */
  start(): void {
    // In this order nothing can change unseen in between.
    this.#watcher ??= new AddressWatcher(() => this.#update())
    try {
      this.#list = this.#read()
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Those of all interfaces, up or down: canonical, each once, sorted. Empty before `start`. */
  list(): readonly string[] {
    return this.#list
  }

  /** The last list stays. */
  close(): void {
    clearTimeout(this.#retry)
    this.#watcher?.close()
    this.#watcher = undefined
  }

  #update(): void {
    clearTimeout(this.#retry)
    let list: readonly string[]
    try {
      list = this.#read()
    } catch (error) {
      this.#retry = setTimeout(() => this.#update(), this.#options.retryMs ?? RETRY_MS).unref()
      this.#options.onError(error)
      return
    }
    // Routers that renew the lifetime of an address change no list.
    if (list.join() === this.#list.join()) return
    this.#list = list
    this.#options.onChange(list)
  }

  #read(): readonly string[] {
    const { read = interfaceAddresses } = this.#options
    return [...new Set(read().map(({ address }) => address))].sort()
  }
}

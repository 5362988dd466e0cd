import type { WatcherHandle } from './binding.d.ts'
import { describe } from './check.ts'
import { Handle } from './handle.ts'
import { native } from './native.ts'

/**
 * Tells when addresses of interfaces come, go or change, in the network namespace in which it was made:
 * a socket to rtnetlink(7) that the event loop watches. Its use is to call `interfaceAddresses()` again.
 *
 * It does not keep the process alive. Keep it: one that is collected is closed.
 */
export class AddressWatcher extends Handle<WatcherHandle> {
  /**
   * Called from the event loop, once for all changes since the last call; also where the kernel had too
   * many to tell of them, and where nothing but a lifetime changed. What it throws is an uncaught
   * exception, as with every event, and the watcher goes on.
   */
  readonly onChange: () => void

  /** @throws BpfError EMFILE; EAFNOSUPPORT without netlink */
  constructor(onChange: () => void) {
    if (typeof onChange !== 'function') {
      throw new TypeError(`onChange must be a function, got ${describe(onChange)}`)
    }
    // The event loop holds what it calls. Were that the function itself, which nearly always knows its
    // watcher, no watcher would ever be collected.
    const weak = new WeakRef(onChange)
    super(
      'address watcher',
      native.watchAddresses(() => weak.deref()?.()),
    )
    this.onChange = onChange
  }
}

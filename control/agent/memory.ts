/** After the first sync, the canary and whatever else ends the start. */
const SETTLE_MS = 1_000

/**
 * Gives back to the system what a start leaves behind. Reading and publishing the first lists takes
 * several times the memory that is to be kept, and a settled agent allocates too little for V8 ever to
 * look for it again: at 10,000 Services of 10 endpoints 125 MB stayed in use where 65 MB are needed.
 * One compacting collection holds the event loop for 0.1 s at that size, once.
 *
 * V8 offers no other way to ask; the launcher's --expose-gc makes it known. Without it nothing happens.
 */
export function releaseMemorySoon(): void {
  setTimeout(() => globalThis.gc?.({ type: 'major', flavor: 'last-resort' }), SETTLE_MS).unref()
}

import { setFlagsFromString } from 'node:v8'
import { releaseProgramPages, trimHeap } from '#addon'

/**
 * How much a settled agent's heap may grow between two collections, in percent; at least 8 MB, that is 1,500
 * changes. V8 collects most of it beside the main thread. The launcher sets far more for the start.
 */
const GROWTH_PERCENT = 25

/**
 * Gives back to the system what a start leaves behind. A settled agent allocates too little for V8 or malloc
 * ever to look for it again. At 10,000 Services of 10 endpoints, of 185 MB
 *
 * - compacting collections give back 50 MB. They hold the event loop for 0.2 s at that size, once. V8
 *   offers no other way to ask; the launcher's --expose-gc makes it known, and without it nothing happens;
 * - free pages in the middle of the C heap are 10 to 20 MB;
 * - code of Node.js that only a start needs is 40 MB, of which 16 come back with the first changes.
 *
 * @throws BpfError where memory is locked; the rest has been given back by then
 */
export function releaseMemory(): void {
  // V8 reads this one anew after each collection.
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
  globalThis.gc?.({ type: 'major', flavor: 'last-resort' })
  trimHeap()
  releaseProgramPages()
}

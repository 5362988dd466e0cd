import { native } from './native.ts'

/**
 * Gives free pages of the C heap back to the system, those between allocations as well (malloc_trim(3)).
 * free(3) gives back only the end of the heap.
 */
export function trimHeap(): void {
  native.trimHeap()
}

/**
 * Lets go of the pages of the running program file: code and constants of Node.js that a start has
 * touched, most of them never again. They stay in the page cache, where the kernel may take them when it
 * needs memory; what is used again is mapped again from there, 16 pages at a time and without reading the
 * file, at about a microsecond each time.
 *
 * @returns bytes of the file that are mapped without being writable, in memory or not
 * @throws BpfError EINVAL where memory is locked (mlockall(2))
 */
export function releaseProgramPages(): number {
  return native.releaseProgramPages()
}

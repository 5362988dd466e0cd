import { checkKeys, checkPath, checkRecord, describe } from './check.ts'
import { BpfMap } from './map.ts'
import { native } from './native.ts'
import { BpfProgram } from './program.ts'

export interface IteratorOptions {
  /** The map to walk, for a program that walks the elements of one. */
  readonly map?: BpfMap
  /**
   * Path of a network namespace, such as /run/netns/NAME: iterators over sockets show those of one
   * namespace, this process's own unless told. Entering another wants CAP_SYS_ADMIN.
   */
  readonly netns?: string
}

/**
 * Runs an iterator program (SEC("iter/..."), since 5.8) over all objects of its kind, on another thread.
 * @returns what the program has written with bpf_seq_write() and bpf_seq_printf()
 * @throws BpfError EINVAL for a program that is no iterator, and where a map is missing, or given and not
 *   wanted; EPERM, ENOENT and EINVAL for a namespace, as {@link netnsCookieAt} says
 */
export async function runIterator(
  program: BpfProgram,
  options: IteratorOptions = {},
): Promise<Uint8Array> {
  if (!(program instanceof BpfProgram)) {
    throw new TypeError(`program must be a BpfProgram, got ${describe(program)}`)
  }
  checkRecord('options', options)
  checkKeys('options', options, ['map', 'netns'])
  const { map, netns } = options
  if (map !== undefined && !(map instanceof BpfMap)) {
    throw new TypeError(`options.map must be a BpfMap, got ${describe(map)}`)
  }
  if (netns !== undefined) checkPath('options.netns', netns)
  const handle = program.open('program')
  return native.runIterator(handle, map?.open('options.map'), netns ?? '')
}

/**
 * Map operations over libbpf, addresses and interfaces over rtnetlink, and no more: nothing here knows what a Service is.
 */
export { AddressWatcher } from './address-watcher.ts'
export type { CgroupAttachType, InterfaceAttachType } from './attach-type.ts'
export { cgroupPrograms } from './cgroup.ts'
export { BpfError } from './error.ts'
export { FileLock, lockFile } from './file-lock.ts'
export { filesystemType } from './filesystem.ts'
export { releaseProgramPages, trimHeap } from './give-back.ts'
export {
  type AddressScope,
  type InterfaceAddress,
  interfaceAddresses,
} from './interface-address.ts'
export { type IteratorOptions, runIterator } from './iterator.ts'
export { BpfLink, type LinkInfo } from './link.ts'
export { BpfMap, type MapEntries, type MapInfo, type UpdateMode } from './map.ts'
export { MappedArray } from './mapped-array.ts'
export { netnsCookie, netnsCookieAt } from './netns.ts'
export { interfacePrograms, type NetworkInterface, networkInterfaces } from './network-interface.ts'
export { BpfObject, type OpenOptions } from './object.ts'
export { BpfProgram, type ProgramInfo, type TestRunOptions, type TestRunResult } from './program.ts'
export { destroySockets, type SocketId } from './socket.ts'
export { membarrier, possibleCpus } from './system.ts'

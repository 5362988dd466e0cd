/**
 * What the native module exports (addon/src/init.cc): positional arguments that the classes beside
 * this file have validated. Every function throws, or rejects with, the class given to `setErrorClass`.
 */

declare const resource: unique symbol

/** Something the native side owns: closed by `closeHandle`, by the garbage collector or at exit. */
export interface Resource<Kind extends string> {
  readonly [resource]: Kind
}

export type MapHandle = Resource<'map'>
export type ProgramHandle = Resource<'program'>
export type LinkHandle = Resource<'link'>
export type LockHandle = Resource<'lock'>
export type MappingHandle = Resource<'mapping'>
export type WatcherHandle = Resource<'watcher'>
export type AnyHandle =
  | MapHandle
  | ProgramHandle
  | LinkHandle
  | LockHandle
  | MappingHandle
  | WatcherHandle

export interface NativeFailure {
  readonly code: string
  /** What errno means, in words. */
  readonly description: string
  readonly operation: string
  readonly subject: string
  readonly detail?: string
  readonly verifierLog?: string
  readonly completed?: number
}

export interface NativeMapInfo {
  readonly name: string
  /** The name in the object file, which the kernel may have cut. */
  readonly subject: string
  readonly id: number
  readonly type: number
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly flags: number
  /** Size of a value as read and written: per-CPU maps hold one for each possible CPU. */
  readonly valueBytes: number
}

export interface Binding {
  setErrorClass(errorClass: new (failure: NativeFailure) => Error): void

  closeHandle(handle: AnyHandle): void
  pinHandle(handle: MapHandle | ProgramHandle | LinkHandle, path: string): void

  loadObject(
    path: string,
    pins: (readonly [string, string])[],
    constants: (readonly [string, bigint])[],
    maxEntries: (readonly [string, number])[],
    skipPrograms: readonly string[],
  ): { maps: [string, MapHandle][]; programs: [string, ProgramHandle][] }

  openMap(path: string): MapHandle
  mapInfo(map: MapHandle): NativeMapInfo
  mapMemory(map: MapHandle): number
  lookupElement(map: MapHandle, key: Uint8Array): Uint8Array | undefined
  updateElement(map: MapHandle, key: Uint8Array, value: Uint8Array, flags: number): void
  deleteElement(map: MapHandle, key: Uint8Array): boolean
  updateBatch(map: MapHandle, keys: Uint8Array, values: Uint8Array): Promise<void>
  deleteBatch(map: MapHandle, keys: Uint8Array): Promise<number>
  readEntries(map: MapHandle): Promise<{ keys: Uint8Array; values: Uint8Array; count: number }>

  openMapping(map: MapHandle): MappingHandle
  storeElements(mapping: MappingHandle, index: number, bytes: Uint8Array): void
  loadElements(mapping: MappingHandle, index: number, count: number): Uint8Array

  openProgram(path: string): ProgramHandle
  programInfo(program: ProgramHandle): {
    id: number
    name: string
    runCount: bigint
    runTimeNs: bigint
    tag: string
  }
  testRun(
    program: ProgramHandle,
    data: Uint8Array,
    repeat: number,
    context: Uint8Array | undefined,
  ): { returnValue: number; dataOut: Uint8Array; durationNs: number }

  /** `netns` is a path, or empty for the process's own. */
  runIterator(
    program: ProgramHandle,
    map: MapHandle | undefined,
    netns: string,
  ): Promise<Uint8Array>

  attachCgroup(program: ProgramHandle, cgroupPath: string, attachType: number): LinkHandle
  openLink(path: string): LinkHandle
  linkInfo(link: LinkHandle): {
    id: number
    programId: number
    cgroupId: bigint
    /** Undefined: not a link to a cgroup or an interface. */
    attachType: number | undefined
    /** Undefined: not a link to an interface. */
    interfaceIndex: number | undefined
  }
  updateLink(link: LinkHandle, program: ProgramHandle): void
  detachLink(link: LinkHandle): void
  cgroupPrograms(cgroupPath: string, attachType: number): number[]
  attachInterface(program: ProgramHandle, interfaceIndex: number, attachType: number): LinkHandle
  interfacePrograms(interfaceIndex: number, attachType: number): number[]

  networkInterfaces(): {
    index: number
    name: string
    hardwareType: number
    up: boolean
    loopback: boolean
  }[]
  interfaceAddresses(): {
    index: number
    interface: string
    address: string
    prefixLength: number
    /** enum rt_scope_t */
    scope: number
    tentative: boolean
    dadFailed: boolean
  }[]
  watchAddresses(callback: () => void): WatcherHandle

  /** `requests`: struct inet_diag_req_v2 each; the answer has a byte for each, 1 where it was ended. */
  destroySockets(requests: Uint8Array, netns: string): Promise<Uint8Array>

  membarrier(): Promise<void>
  lockFile(path: string): LockHandle | undefined
  netnsCookie(): bigint
  netnsCookieAt(path: string): Promise<bigint>
  filesystemMagic(path: string): number
  possibleCpus(): number

  trimHeap(): void
  releaseProgramPages(): number
}

import {
  attachTypeNumber,
  type CgroupAttachType,
  type InterfaceAttachType,
  interfaceAttachTypeNumber,
} from './attach-type.ts'
import type { ProgramHandle } from './binding.d.ts'
import { checkBytes, checkInteger, checkKeys, checkPath, checkRecord } from './check.ts'
import { Handle } from './handle.ts'
import { BpfLink } from './link.ts'
import { native } from './native.ts'

/** More than the kernel takes for any program type. */
const TEST_DATA_LIMIT = 1 << 20

export interface ProgramInfo {
  readonly id: number
  /** The kernel's name: the first 15 characters. */
  readonly name: string
  /** 0 unless run-time statistics are on (sysctl kernel.bpf_stats_enabled). */
  readonly runCount: bigint
  readonly runTimeNs: bigint
  /** Hash of the instructions, in hex. */
  readonly tag: string
}

export interface TestRunOptions {
  readonly repeat?: number
  /** The program's context, such as struct xdp_md. */
  readonly context?: Uint8Array
}

export interface TestRunResult {
  readonly returnValue: number
  readonly dataOut: Uint8Array
  /** Mean of one run. */
  readonly durationNs: number
}

/** A program that the verifier has accepted. */
export class BpfProgram extends Handle<ProgramHandle> {
  /** @internal */
  constructor(handle: ProgramHandle) {
    super('program', handle)
  }

  /** @throws BpfError ENOENT; EINVAL where the pin is of something else */
  static openPinned(path: string): BpfProgram {
    checkPath('path', path)
    return new BpfProgram(native.openProgram(path))
  }

  get info(): ProgramInfo {
    return native.programInfo(this.open())
  }

  /** @throws BpfError EEXIST; EPERM outside of a bpf file system */
  pin(path: string): void {
    checkPath('path', path)
    native.pinHandle(this.open(), path)
  }

  /**
   * Attaches to a cgroup v2 directory beside the programs that are there (since 5.7). The link holds
   * the program; unless pinned, closing the link detaches.
   * @throws BpfError EBADF where the directory is not of a cgroup v2; EINVAL for another attach type
   */
  attachCgroup(cgroupPath: string, attachType: CgroupAttachType): BpfLink {
    const handle = this.open()
    checkPath('cgroupPath', cgroupPath)
    const number = attachTypeNumber('attachType', attachType)
    return new BpfLink(native.attachCgroup(handle, cgroupPath, number))
  }

  /**
   * Attaches to an interface of the calling thread's network namespace, behind the programs that are
   * there (tcx, since 6.6). The link holds the program; unless pinned, closing the link detaches.
   * @throws BpfError ENODEV where there is no such interface; EINVAL on kernels without tcx
   */
  attachInterface(interfaceIndex: number, attachType: InterfaceAttachType): BpfLink {
    const handle = this.open()
    checkInteger('interfaceIndex', interfaceIndex, 1, 0x7fff_ffff)
    const number = interfaceAttachTypeNumber('attachType', attachType)
    return new BpfLink(native.attachInterface(handle, interfaceIndex, number))
  }

  /**
   * BPF_PROG_TEST_RUN on the calling thread.
   * @throws BpfError ENOTSUPP for a type that the kernel cannot test-run, such as connect4
   */
  testRun(data: Uint8Array, options: TestRunOptions = {}): TestRunResult {
    const handle = this.open()
    checkTestData('data', data)
    checkRecord('options', options)
    checkKeys('options', options, ['repeat', 'context'])
    const { repeat = 1, context } = options
    checkInteger('options.repeat', repeat, 1, 0x7fff_ffff)
    if (context !== undefined) checkTestData('options.context', context)
    return native.testRun(handle, data, repeat, context)
  }
}

function checkTestData(name: string, value: Uint8Array): void {
  checkBytes(name, value)
  if (value.byteLength > TEST_DATA_LIMIT) {
    throw new TypeError(`${name} must be at most ${TEST_DATA_LIMIT} bytes, got ${value.byteLength}`)
  }
}

import { type InterfaceAttachType, interfaceAttachTypeNumber } from './attach-type.ts'
import { checkInteger } from './check.ts'
import { native } from './native.ts'

export interface NetworkInterface {
  readonly index: number
  readonly name: string
  /** ARPHRD_* of linux/if_arp.h: 1 has Ethernet frames. */
  readonly hardwareType: number
  /** Administratively; there may be no carrier. */
  readonly up: boolean
  readonly loopback: boolean
}

/**
 * The interfaces of the calling thread's network namespace (RTM_GETLINK).
 *
 * @throws BpfError EMFILE; EINTR where interfaces change faster than they can be read
 */
export function networkInterfaces(): NetworkInterface[] {
  return native.networkInterfaces()
}

/**
 * Ids of the programs at a tcx hook of an interface, in the order in which they run.
 *
 * @throws BpfError ENODEV where there is no such interface
 */
export function interfacePrograms(
  interfaceIndex: number,
  attachType: InterfaceAttachType,
): number[] {
  checkInteger('interfaceIndex', interfaceIndex, 1, 0x7fff_ffff)
  return native.interfacePrograms(
    interfaceIndex,
    interfaceAttachTypeNumber('attachType', attachType),
  )
}

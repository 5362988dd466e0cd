import { existsSync } from 'node:fs'
import { release } from 'node:os'
import { KP_LAYOUT_VERSION, kpMeta } from '#abi'
import { BpfError, BpfMap, BpfObject, netnsCookie } from '#addon'
import { readMeta } from './adopt.ts'
import { PINNED_MAPS, type PinDirectory } from './pins.ts'
import { canSetRetval, PreflightError } from './preflight.ts'

export interface MapSizes {
  /** Frontends. */
  readonly maxServices: number
  /** Endpoints, counted once for each service port that has them. */
  readonly maxEndpoints: number
}

/**
 * Loads the programs over the maps that are pinned, and makes and pins those that are missing: an
 * agent that was killed half-way is continued. Sizes of maps that exist stay as they are.
 *
 * @throws PreflightError `LayoutMismatch`, `PinMismatch`, `NoPrivilege`, `LoadFailed`
 */
export function loadObject(path: string, pins: PinDirectory, sizes: MapSizes): BpfObject {
  checkLayout(pins)
  try {
    const object = BpfObject.load(path, {
      pins: Object.fromEntries(PINNED_MAPS.map((name) => [name, pins.map(name)])),
      maxEntries: { ...wantedSizes(sizes), ...pinnedSizes(pins) },
      constants: { can_set_retval: canSetRetval(release()), host_netns: hostNetns() },
    })
    writeMeta(object.map('meta'), kpMeta.LAYOUT_VERSION, KP_LAYOUT_VERSION)
    return object
  } catch (error) {
    throw explained(error, path, pins)
  }
}

/**
 * The agent runs in the node's own network namespace, and processes there are this host. Before kernel
 * 5.14 nobody can say which that is: then no client is the host, and loopback has no NodePorts.
 */
export function hostNetns(): bigint {
  try {
    return netnsCookie()
  } catch {
    return 0n
  }
}

/** Another layout in the pinned maps would be read as nonsense: nothing of it may be touched. */
function checkLayout(pins: PinDirectory): void {
  const path = pins.map('meta')
  if (!existsSync(path)) return
  const meta = BpfMap.openPinned(path)
  const version = readMeta({ lookup: (_, key) => meta.lookup(key) }, kpMeta.LAYOUT_VERSION)
  meta.close()
  /* 0: made by an agent that was killed before it wrote anything. */
  if (version === 0 || version === KP_LAYOUT_VERSION) return
  throw new PreflightError(
    'LayoutMismatch',
    `the maps pinned in "${pins.path}" have layout version ${version}, and this kproxy knows ` +
      `${KP_LAYOUT_VERSION}; run the kproxy that made them, or remove them with "kproxy cleanup"`,
  )
}

export function writeMeta(meta: BpfMap, index: number, value: number): void {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true)
  meta.update(new Uint8Array(new Uint32Array([index]).buffer), bytes)
}

/** Room for the addresses of the node, beside those of Services. */
const NODE_ADDRESSES = 4096

/** Every change takes a fresh range before it frees the old one, hence two slots an endpoint. */
function wantedSizes({ maxServices, maxEndpoints }: MapSizes): Record<string, number> {
  return {
    services: maxServices,
    service_stats: maxServices,
    addresses: maxServices + NODE_ADDRESSES,
    turns: maxServices,
    slots: maxEndpoints * 2,
    backends: maxEndpoints,
    members: maxEndpoints,
    backend_stats: maxEndpoints,
  }
}

/** Most entries of the maps that are pinned. */
export function pinnedSizes(
  pins: PinDirectory,
  names: readonly string[] = PINNED_MAPS,
): Record<string, number> {
  const sizes: Record<string, number> = {}
  for (const name of names) {
    if (name.startsWith('socket_') || !existsSync(pins.map(name))) continue
    const map = BpfMap.openPinned(pins.map(name))
    sizes[name] = map.info.maxEntries
    map.close()
  }
  return sizes
}

function explained(error: unknown, path: string, pins: PinDirectory): unknown {
  if (!(error instanceof BpfError)) return error
  if (error.code === 'EPERM' || error.code === 'EACCES') {
    return new PreflightError(
      'NoPrivilege',
      `the kernel does not let this process load BPF programs (${error.message}); run kproxy as ` +
        'root with CAP_BPF and CAP_NET_ADMIN, outside of a user namespace',
      { cause: error },
    )
  }
  if (
    error.code === 'EINVAL' &&
    PINNED_MAPS.some((name) => error.message.includes(pins.map(name)))
  ) {
    return new PreflightError(
      'PinMismatch',
      `what is pinned in "${pins.path}" does not fit this kproxy (${error.message}); ` +
        'remove it with "kproxy cleanup"',
      { cause: error },
    )
  }
  return new PreflightError('LoadFailed', `cannot load "${path}": ${error.message}`, {
    cause: error,
  })
}

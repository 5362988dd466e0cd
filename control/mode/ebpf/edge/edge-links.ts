import { existsSync, readdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import {
  BpfError,
  BpfLink,
  type BpfProgram,
  type InterfaceAttachType,
  interfacePrograms,
} from '#addon'
import { adoptLink, type PinDirectory, replacePin } from '../pins.ts'

/** What answers comes before what translates: no flow begins whose replies would not be known. */
export const EDGE_HOOKS: readonly InterfaceAttachType[] = ['tcx_egress', 'tcx_ingress']

/** The pin of a link; by number, for bpffs has no dots in names, and interfaces do. */
function linkName(hook: InterfaceAttachType, index: number): string {
  return `${hook}_${index}`
}

/** Paths of the links to interfaces that are pinned, those half made included. */
export function pinnedEdgeLinks(pins: PinDirectory): string[] {
  const directory = join(pins.path, 'links')
  if (!existsSync(directory)) return []
  const isOurs = (name: string) => EDGE_HOOKS.some((hook) => name.startsWith(`${hook}_`))
  return readdirSync(directory)
    .filter(isOurs)
    .map((name) => join(directory, name))
}

/** Detaches a pinned link and removes the pin. @returns the id of its program */
export function dropPinnedLink(path: string): number {
  const link = BpfLink.openPinned(path)
  try {
    const { programId } = link.info
    link.detach()
    return programId
  } finally {
    link.close()
    unlinkSync(path)
  }
}

/** The programs of the edge plane at interfaces, each by a link that is pinned. */
export class EdgeLinks {
  readonly #pins: PinDirectory
  readonly #programOf: (hook: InterfaceAttachType) => BpfProgram
  readonly #links = new Map<string, BpfLink>()

  constructor(pins: PinDirectory, programOf: (hook: InterfaceAttachType) => BpfProgram) {
    this.#pins = pins
    this.#programOf = programOf
  }

  /** @throws BpfError as `attachInterface` does */
  attach(index: number): void {
    for (const hook of EDGE_HOOKS) {
      const name = linkName(hook, index)
      if (this.#links.get(name)?.info.interfaceIndex === index) continue
      this.#links.get(name)?.close()
      this.#links.delete(name)
      this.#links.set(name, this.#adopt(hook, index) ?? this.#attachNew(hook, index))
    }
  }

  /** Detaches from everywhere but these interfaces. */
  keep(indices: readonly number[]): void {
    const names = new Set(
      indices.flatMap((index) => EDGE_HOOKS.map((hook) => linkName(hook, index))),
    )
    for (const [name, link] of this.#links) {
      if (names.has(name)) continue
      link.close()
      this.#links.delete(name)
    }
    for (const path of pinnedEdgeLinks(this.#pins)) {
      if (!names.has(path.slice(path.lastIndexOf('/') + 1))) dropPinnedLink(path)
    }
  }

  /** As the kernel answers when asked. */
  isAttached(hook: InterfaceAttachType, index: number): boolean {
    try {
      return interfacePrograms(index, hook).includes(this.#programOf(hook).info.id)
    } catch (error) {
      if (error instanceof BpfError && error.code === 'ENODEV') return false
      throw error
    }
  }

  close(): void {
    for (const link of this.#links.values()) link.close()
    this.#links.clear()
  }

  /** The link of an earlier agent with our program in it; undefined where it leads nowhere. */
  #adopt(hook: InterfaceAttachType, index: number): BpfLink | undefined {
    return adoptLink(
      this.#pins.link(linkName(hook, index)),
      () => this.#programOf(hook),
      (link) => link.info.interfaceIndex === index,
    )
  }

  #attachNew(hook: InterfaceAttachType, index: number): BpfLink {
    const link = this.#programOf(hook).attachInterface(index, hook)
    replacePin(link, this.#pins.link(linkName(hook, index)))
    return link
  }
}

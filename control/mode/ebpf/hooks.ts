import { statSync } from 'node:fs'
import {
  type BpfLink,
  type BpfObject,
  type BpfProgram,
  type CgroupAttachType,
  cgroupPrograms,
} from '#addon'
import type { HookStatus } from '../mode.ts'
import { adoptLink, type PinDirectory, replacePin } from './pins.ts'

/**
 * Programs are named like their hooks. What answers for a translation comes before what translates:
 * at no time is a socket translated whose peer could not be told.
 */
export const HOOKS: readonly CgroupAttachType[] = [
  'sock_release',
  'getpeername4',
  'getpeername6',
  'recvmsg4',
  'recvmsg6',
  'sendmsg4',
  'sendmsg6',
  'connect4',
  'connect6',
]

/** The programs of this node at their cgroup. */
export class Hooks {
  readonly #cgroupPath: string
  readonly #pins: PinDirectory
  readonly #object: BpfObject
  readonly #links = new Map<CgroupAttachType, BpfLink>()

  constructor(cgroupPath: string, pins: PinDirectory, object: BpfObject) {
    this.#cgroupPath = cgroupPath
    this.#pins = pins
    this.#object = object
  }

  /** Attaches what is missing and puts our programs in place of older ones, each in one step. */
  attach(): void {
    for (const hook of HOOKS) {
      const program = this.#object.program(hook)
      replacePin(program, this.#pins.program(hook))
      this.#links.set(hook, this.#adopt(hook, program) ?? this.#attachNew(hook, program))
    }
  }

  /** As the kernel answers when asked. */
  status(): HookStatus[] {
    return HOOKS.map((name) => {
      const { id, runCount, runTimeNs } = this.#object.program(name).info
      return {
        name,
        attached: cgroupPrograms(this.#cgroupPath, name).includes(id),
        programId: id,
        ...(runTimeNs > 0n ? { runCount: Number(runCount) } : {}),
      }
    })
  }

  /** Attaches again what somebody detached; a sentence for each. */
  repair(): string[] {
    const problems: string[] = []
    for (const { name, attached } of this.status()) {
      if (attached) continue
      const hook = name as CgroupAttachType
      this.#links.get(hook)?.close()
      this.#links.set(hook, this.#attachNew(hook, this.#object.program(hook)))
      problems.push(`hook ${hook}: the program was not attached`)
    }
    return problems
  }

  close(): void {
    for (const link of this.#links.values()) link.close()
    this.#links.clear()
  }

  /** The pinned link of an earlier agent with our program in it; undefined where it leads nowhere. */
  #adopt(hook: CgroupAttachType, program: BpfProgram): BpfLink | undefined {
    return adoptLink(
      this.#pins.link(hook),
      () => program,
      (link) => link.info.cgroupId === statSync(this.#cgroupPath, { bigint: true }).ino,
    )
  }

  #attachNew(hook: CgroupAttachType, program: BpfProgram): BpfLink {
    const link = program.attachCgroup(this.#cgroupPath, hook)
    replacePin(link, this.#pins.link(hook))
    return link
  }
}

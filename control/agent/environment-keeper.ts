import type { Environment, Mode } from '../mode/mode.ts'
import { type DetectLocalOptions, detectorsOf } from '../model/detect-local.ts'
import { type GuardChanges, mergeGuards } from '../model/guards.ts'
import type { Model } from '../model/model.ts'
import { isSameIPs } from '../model/node-ips.ts'

const NO_CHANGES: GuardChanges = { added: [], removed: [], serviceCIDRs: undefined }

/** Brings what holds for all Services from the model into the mode; what failed comes back. */
export class EnvironmentKeeper {
  readonly #model: Model
  readonly #mode: Mode
  readonly #detectLocal: DetectLocalOptions
  #guards = NO_CHANGES
  #taken: Environment | undefined
  #wasComplete = false
  #podCIDRs: readonly string[] = []

  constructor(model: Model, mode: Mode, detectLocal: DetectLocalOptions) {
    this.#model = model
    this.#mode = mode
    this.#detectLocal = detectLocal
  }

  /** Whether there is something that the mode does not know. */
  get isPending(): boolean {
    return this.#isNews(this.#collect())
  }

  /** @param complete the whole desired state has been applied */
  async apply(complete: boolean): Promise<void> {
    const environment = this.#collect()
    if (!this.#isNews(environment) && this.#wasComplete === complete) return
    await this.#mode.adapt(environment, complete)
    this.#guards = NO_CHANGES
    this.#taken = environment
    this.#wasComplete = complete
  }

  #collect(): Environment {
    this.#guards = mergeGuards(this.#guards, this.#model.takeGuards())
    const { nodeIPs, node } = this.#model
    // A Node that is deleted leaves its ranges behind (IN-51).
    this.#podCIDRs = node?.podCIDRs ?? this.#podCIDRs
    const detectors = detectorsOf(this.#detectLocal, this.#podCIDRs)
    const detectsLocal = { 4: detectors[4].by !== 'nothing', 6: detectors[6].by !== 'nothing' }
    const podCIDRs = [detectors[4], detectors[6]].flatMap((detector) =>
      detector.by === 'source' ? [detector.cidr.text] : [],
    )
    return { guards: this.#guards, nodeIPs, detectsLocal, podCIDRs }
  }

  #isNews({ guards, nodeIPs, detectsLocal, podCIDRs }: Environment): boolean {
    const { added, removed, serviceCIDRs } = guards
    if (added.length + removed.length > 0 || serviceCIDRs !== undefined) return true
    const taken = this.#taken
    return (
      taken === undefined ||
      !isSameIPs(nodeIPs, taken.nodeIPs) ||
      detectsLocal[4] !== taken.detectsLocal[4] ||
      detectsLocal[6] !== taken.detectsLocal[6] ||
      podCIDRs.join() !== taken.podCIDRs.join()
    )
  }
}

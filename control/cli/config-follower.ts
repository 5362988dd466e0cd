import { isDeepStrictEqual } from 'node:util'
import { ConfigFile } from '../config/config-file.ts'
import { formatProblem } from '../config/problem.ts'
import type { ConfigurationStatus } from '../server/api.ts'
import type { SourceLog } from '../source/log.ts'
import type { Usable } from './configuration.ts'

/**
 * Follows the file of --config while the agent runs. New content that cannot be used is refused and what
 * was read before stays in force; content that means something else ends the agent, to be started
 * again with it, as in kube-proxy (CF-10). Kernel state outlives the agent, so that costs no traffic.
 */
export class ConfigFollower {
  readonly #usable: Usable
  readonly #path: string | undefined
  readonly #log: SourceLog
  #refused: readonly string[] = []
  #file: ConfigFile | undefined

  constructor(path: string | undefined, usable: Usable, log: SourceLog) {
    this.#path = path
    this.#usable = usable
    this.#log = log
  }

  /** @param outdated is called once the file asks for another configuration than the one in force */
  async start(outdated: () => void): Promise<void> {
    const { text } = this.#usable
    if (this.#path === undefined || text === undefined) return
    this.#file = await ConfigFile.watch(this.#path, text, this.#log, (newer) =>
      this.#judge(newer, outdated),
    )
  }

  stop(): void {
    this.#file?.stop()
  }

  status(): ConfigurationStatus {
    const { problems } = this.#usable.configuration
    return {
      file: this.#path ?? null,
      refused: this.#refused,
      remarks: problems.map((problem) => ({
        severity: problem.severity,
        message: formatProblem(problem),
      })),
    }
  }

  async #judge(text: string, outdated: () => void): Promise<void> {
    const { effective, problems } = await this.#usable.resolveAgain(text)
    const file = this.#path
    if (effective === undefined) {
      this.#refused = problems.filter(({ severity }) => severity === 'error').map(formatProblem)
      for (const problem of this.#refused) {
        this.#log.error(
          { file, problem },
          'changed configuration refused; the one before stays in force',
        )
      }
      return
    }
    this.#refused = []
    if (isDeepStrictEqual(effective, this.#usable.effective)) {
      this.#log.info({ file }, 'the configuration file has changed, and means the same')
      return
    }
    this.#log.warn(
      { file },
      'the configuration file was updated; ending to be started again with it',
    )
    this.stop()
    outdated()
  }
}

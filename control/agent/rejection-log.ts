/** Subjects that are remembered. With more of them some are logged again, and memory stays what it is. */
const SUBJECTS_MAX = 4_096

/** What was logged of each rejected subject, so that a stubborn one is logged once. */
export class RejectionLog {
  readonly #reasons = new Map<string, string>()

  /** Whether this is worth a line: the subject was not rejected before, or not for this reason. */
  isNews(subject: string, reason: string): boolean {
    if (this.#reasons.get(subject) === reason) return false
    if (this.#reasons.size >= SUBJECTS_MAX) this.#reasons.clear()
    this.#reasons.set(subject, reason)
    return true
  }
}

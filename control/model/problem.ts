/** Content of an object that cannot be served. */
export interface Problem {
  /** "Service namespace/name" or "EndpointSlice namespace/name". */
  readonly subject: string
  /** Names the field, the value and what to do. */
  readonly message: string
}

/** One object with more problems than this is wrong as a whole; a longer list helps nobody. */
const LIMIT = 20

const NONE: readonly Problem[] = Object.freeze([])

/** What is wrong with one object, each thing once. */
export class Complaints {
  readonly #subject: string
  #messages: Set<string> | undefined
  #omitted = 0

  /** @param subject as in {@link Problem} */
  constructor(subject: string) {
    this.#subject = subject
  }

  /** Takes note of a problem. */
  readonly complain = (message: string): void => {
    this.#messages ??= new Set()
    if (this.#messages.has(message)) return
    if (this.#messages.size < LIMIT) this.#messages.add(message)
    else this.#omitted++
  }

  list(): readonly Problem[] {
    if (this.#messages === undefined) return NONE
    const subject = this.#subject
    const problems = [...this.#messages].map((message) => ({ subject, message }))
    if (this.#omitted === 0) return problems
    const message = `${this.#omitted} more problems show when these are mended`
    return [...problems, { subject, message }]
  }
}

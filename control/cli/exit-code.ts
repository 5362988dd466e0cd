/** What the exit status of every command means. Scripts rely on it; it never changes meaning. */
export const ExitCode = {
  /** Done; for `status`: healthy. */
  ok: 0,
  /** It failed, or the node is unhealthy. */
  failure: 1,
  /** Wrong flags, arguments, files named in them, or settings. */
  usage: 2,
  /** Works, but worse than it should: refused Services, a stale stream, failed hooks check. */
  degraded: 3,
  /** No agent answers on the socket. */
  unreachable: 4,
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** An error whose message is for the person at the terminal; ends the command with `exitCode`. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

import type { NativeFailure } from './binding.d.ts'

/** A failed system call, or a file that libbpf refused: errno name, operation and subject. */
export class BpfError extends Error {
  override readonly name = 'BpfError'
  /** Name of errno, such as 'ENOENT'; 'ENOTSUPP' (524) is what kernels say of a map type without batches. */
  readonly code: string
  /** What was tried, such as 'update' or 'load program'. */
  readonly operation: string
  /** Name of the map or program, or the path. */
  readonly subject: string
  /** The whole log, when the verifier refused a program. */
  readonly verifierLog?: string
  /** Batches: how many leading entries were done before the one that failed. */
  readonly completed?: number

  constructor(failure: NativeFailure) {
    super(sentence(failure))
    this.code = failure.code
    this.operation = failure.operation
    this.subject = failure.subject
    if (failure.verifierLog !== undefined) this.verifierLog = failure.verifierLog
    if (failure.completed !== undefined) this.completed = failure.completed
  }
}

function sentence(failure: NativeFailure): string {
  const detail = failure.detail ?? verdict(failure.verifierLog)
  const reason = `${failure.operation} ${failure.subject}: ${failure.code} (${failure.description})`
  return detail === undefined ? reason : `${reason}: ${detail}`
}

/** The line in which the verifier says why: the last one that is not statistics. */
function verdict(log: string | undefined): string | undefined {
  return log
    ?.trimEnd()
    .split('\n')
    .findLast((line) => !/^(processed \d+ insns|verification time|stack depth)/.test(line))
}

import { cleanup as cleanUp, PreflightError } from '../../mode/ebpf/index.ts'
import { CgroupNotFoundError, resolveCgroup } from '../../node/cgroup.ts'
import { CommandError, ExitCode } from '../exit-code.ts'
import { type Output, printDocument, printLines } from '../output.ts'
import { type PinOptions, resolvePinDir } from '../paths.ts'

interface CleanupOptions extends PinOptions {
  readonly cgroup?: string
  readonly output: Output
}

/** `kproxy cleanup` */
export function cleanup(options: CleanupOptions): void {
  const pinDir = resolvePinDir(options)
  const report = attempt(() => cleanUp({ cgroup: resolveCgroup(options.cgroup), pinDir }))
  if (report.left.length > 0) process.exitCode = ExitCode.failure
  if (printDocument(options.output, 'Cleanup', { pinDir, ...report })) return
  if (report.removed.length === 0) printLines(`Nothing of kproxy is pinned in ${pinDir}.`)
  for (const path of report.removed) printLines(`removed ${path}`)
  for (const sentence of report.left) process.stderr.write(`left: ${sentence}\n`)
}

function attempt<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    const isKnown = error instanceof PreflightError || error instanceof CgroupNotFoundError
    if (!isKnown) throw error
    throw new CommandError(ExitCode.failure, error.message, { cause: error })
  }
}

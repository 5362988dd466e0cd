import { writeFileSync } from 'node:fs'
import type { Logger } from 'pino'
import { stringify } from 'yaml'
import { toObject } from '../config/format.ts'
import type { Configuration } from '../config/resolve.ts'
import { CommandError, ExitCode } from './exit-code.ts'

/** `--write-config-to`: the KubeProxyConfiguration with all defaults, for kube-proxy as well as for us. */
export function writeConfig(path: string, { kubeProxy }: Configuration, log: Logger): void {
  try {
    writeFileSync(path, stringify(toObject(kubeProxy)))
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    throw new CommandError(
      ExitCode.failure,
      `--write-config-to ${path} cannot be written: ${detail}; name a file in a directory that exists`,
      { cause: error },
    )
  }
  log.info({ file: path }, 'configuration written')
}

import { cpus } from 'node:os'
import type { Logger } from 'pino'
import { planSysctls } from '../config/conntrack.ts'
import type { EffectiveConfig } from '../config/effective.ts'
import { readSysctl, writeSysctls } from '../node/sysctl.ts'

/** The kernel settings that the configuration asks for. @returns a sentence for each that could not be set */
export function setSysctls(config: EffectiveConfig, log: Logger): readonly string[] {
  const writes = planSysctls(config, cpus().length, readSysctl)
  const failures = writeSysctls(writes)
  for (const { path, value } of writes) {
    if (!failures.some((failure) => failure.path === path)) log.info({ path, value }, 'sysctl set')
  }
  return failures.map(({ message }) => message)
}

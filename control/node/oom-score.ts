import { writeFileSync } from 'node:fs'

/**
 * Tells the kernel how readily it may kill this process for memory: -1000 never, 1000 first.
 *
 * @throws where it may not: lowering the score needs CAP_SYS_RESOURCE
 */
export function setOomScore(score: number, path = '/proc/self/oom_score_adj'): void {
  writeFileSync(path, String(score))
}

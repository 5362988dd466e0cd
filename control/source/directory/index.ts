import { statSync } from 'node:fs'
import type { SourceLog } from '../log.ts'
import type { Source } from '../source.ts'
import { SourceConfigError } from '../source-error.ts'
import { DirectorySource } from './source.ts'

export interface DirectorySourceOptions {
  readonly directory: string
  /** The Node whose object is delivered; others are ignored. */
  readonly nodeName: string
  readonly log: SourceLog
}

/**
 * A source of manifests: `*.yaml`, `*.yml` and `*.json` directly in the directory.
 *
 * @throws {SourceConfigError} if it is not a directory.
 */
export function createDirectorySource(options: DirectorySourceOptions): Source {
  const { directory, nodeName, log } = options
  const stats = statSync(directory, { throwIfNoEntry: false })
  if (stats === undefined) {
    throw new SourceConfigError(
      `the manifest directory ${directory} does not exist; create it or name another`,
    )
  }
  if (!stats.isDirectory()) {
    throw new SourceConfigError(
      `${directory} is not a directory; name the directory that holds the manifests`,
    )
  }
  return new DirectorySource(directory, nodeName, log)
}

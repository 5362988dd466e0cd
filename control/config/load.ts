import { hostname } from 'node:os'
import { readConfigFile } from './config-file.ts'
import type { FlagTexts } from './flag-values.ts'
import { type Configuration, type Environment, resolveConfiguration } from './resolve.ts'

/** A configuration, and what may change it while the agent runs. */
export interface Loaded {
  readonly configuration: Configuration
  /** The text of the file; undefined without one. */
  readonly text: string | undefined
  /** The same flags and environment over other content of the file. */
  resolveAgain(text: string): Promise<Configuration>
}

/**
 * Reads the file of --config, if there is one, and puts it together with flags and environment. Problems
 * of its content are in the result.
 *
 * @throws {ConfigError} for a file that cannot be read
 */
export async function loadConfiguration(
  path: string | undefined,
  flags: FlagTexts,
): Promise<Loaded> {
  const environment: Environment = {
    hostname: hostname(),
    nodeName: process.env.NODE_NAME,
    kubeconfig: process.env.KUBECONFIG,
  }
  if (path === undefined) {
    const resolve = async () => resolveConfiguration({ flags, environment })
    return { configuration: await resolve(), text: undefined, resolveAgain: resolve }
  }
  const text = readConfigFile(path)
  // The YAML library is heavy, and flags alone do not need it.
  const { parseDocuments } = await import('./documents.ts')
  const resolve = async (content: string) =>
    resolveConfiguration({ file: parseDocuments(path, content), flags, environment })
  return { configuration: await resolve(text), text, resolveAgain: resolve }
}

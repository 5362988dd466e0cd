import { hostname } from 'node:os'
import { join } from 'node:path'
import { isNodeName } from '../model/node-name.ts'
import { CommandError, ExitCode } from './exit-code.ts'

/**
 * The Node's name: the flag, or the host name; trimmed and lower-cased (IN-40).
 *
 * @throws CommandError for what no Node can be called: it becomes the name of a directory
 */
export function resolveNodeName(flag: string | undefined): string {
  const name = (flag ?? hostname()).trim().toLowerCase()
  if (isNodeName(name)) return name
  throw new CommandError(
    ExitCode.usage,
    `--node-name is "${name}"; write the name of this Node object, a DNS name`,
  )
}

export interface PinOptions {
  readonly nodeName?: string
  readonly bpffs: string
  readonly pinDir?: string
}

/**
 * Where this node's state is pinned. One directory per node: several nodes may share a kernel. bpffs
 * refuses names with dots, and no node name has an underscore.
 */
export function resolvePinDir(options: PinOptions): string {
  if (options.pinDir !== undefined) return options.pinDir
  const directory = resolveNodeName(options.nodeName).replaceAll('.', '_')
  return join(options.bpffs, 'kproxy', directory)
}

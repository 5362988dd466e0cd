import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A setting that could not be written. */
export interface SysctlFailure {
  readonly path: string
  /** A sentence that names the setting, the value and what to do. */
  readonly message: string
}

/** A kernel setting as a number; undefined where there is none, or it may not be read. */
export function readSysctl(path: string, root = '/proc/sys'): number | undefined {
  try {
    const value = Number(readFileSync(join(rootOf(path, root), path), 'utf8').trim())
    return Number.isNaN(value) ? undefined : value
  } catch {
    return undefined
  }
}

/** Writes kernel settings, all that can be written. @returns those that could not */
export function writeSysctls(
  writes: readonly { readonly path: string; readonly value: number; readonly field: string }[],
  root = '/proc/sys',
): readonly SysctlFailure[] {
  return writes.flatMap(({ path, value, field }) => {
    try {
      writeFileSync(join(rootOf(path, root), path), String(value))
      return []
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error)
      const name = path.replace(/^\/sys\/module\//, '').replaceAll('/', '.')
      const message = `${name} cannot be set to ${value}, which ${field} asks for (${code}): ${advice(code, field)}`
      return [{ path, message }]
    }
  })
}

function rootOf(path: string, root: string): string {
  return path.startsWith('/') ? '/' : root
}

function advice(code: string, field: string): string {
  const leave = `set ${field} to 0 to leave it alone`
  switch (code) {
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return `set it on the host, run "kproxy run --init-only" privileged, or ${leave}`
    case 'ENOENT':
      return `load the kernel module nf_conntrack, or ${leave}`
    default:
      return `choose another value, or ${leave}`
  }
}

import { DecodeError } from './decode-error.ts'

/**
 * Refuses a name that no API server lets pass: a slash separates namespace and name in keys, and with
 * one more of them an object could pass itself off as another.
 *
 * @throws {DecodeError}
 */
export function checkName({ namespace, name }: { namespace: string; name: string }): void {
  if (name.includes('/')) {
    throw DecodeError.field(['metadata', 'name'], name, 'write a name without "/"')
  }
  if (namespace.includes('/')) {
    throw DecodeError.field(['metadata', 'namespace'], namespace, 'write a name without "/"')
  }
}

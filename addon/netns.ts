import { checkPath } from './check.ts'
import { native } from './native.ts'

/** The cookie of this process's network namespace (SO_NETNS_COOKIE, since 5.14). */
export function netnsCookie(): bigint {
  return native.netnsCookie()
}

/**
 * The cookie of the network namespace at a path, such as /run/netns/NAME or /proc/PID/ns/net. A thread
 * of its own enters the namespace; setns(2) wants CAP_SYS_ADMIN.
 * @throws BpfError EPERM without the capability; ENOENT; EINVAL for a file that is no network namespace
 */
export async function netnsCookieAt(path: string): Promise<bigint> {
  checkPath('path', path)
  return native.netnsCookieAt(path)
}

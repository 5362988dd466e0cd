import type { Kind } from '../objects.ts'
import { DecodeError } from './decode-error.ts'

/*
 * What is missing from a complete list is gone (AP-25). So something else than a list must not be taken for
 * an empty one, nor a part of a list for all of it.
 */

/** @throws {DecodeError} unless the answer says that it is the list that was asked for (AP-11). */
export function checkListKind(wanted: Kind, kind: string | undefined): void {
  if (kind === `${wanted}List`) return
  throw new DecodeError(`the answer is of kind ${kind || '(none)'}, not ${wanted}List`)
}

/** @throws {DecodeError} where more objects are said to follow and nothing says how to ask for them. */
export function checkListEnd(continueToken: string, remainingItemCount: number): void {
  if (continueToken !== '' || remainingItemCount <= 0) return
  throw new DecodeError(
    `the list ends, and ${remainingItemCount} more objects should follow; there is no token to ask for them`,
  )
}

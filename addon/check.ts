/** Argument checks: a wrong argument is a TypeError that names it, and never reaches native code. */
import { types } from 'node:util'

/** PATH_MAX, with the terminating zero. */
const PATH_LIMIT = 4096
const UINT32_MAX = 0xffff_ffff

export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'object') return `an object (${value.constructor?.name ?? 'no prototype'})`
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  return typeof value === 'bigint' ? `${value}n` : String(value)
}

/** A path or name for a C interface: a string with something in it and no zero byte. */
export function checkPath(name: string, value: unknown): asserts value is string {
  checkName(name, value)
  const bytes = Buffer.byteLength(value)
  if (bytes >= PATH_LIMIT) {
    throw new TypeError(`${name} must be shorter than ${PATH_LIMIT} bytes, got ${bytes}`)
  }
}

export function checkName(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || value === '') {
    throw new TypeError(`${name} must be a non-empty string, got ${describe(value)}`)
  }
  if (value.includes('\0')) throw new TypeError(`${name} must not contain a zero byte`)
}

export function checkInteger(
  name: string,
  value: unknown,
  min = 0,
  max = UINT32_MAX,
): asserts value is number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new TypeError(`${name} must be an integer from ${min} to ${max}, got ${describe(value)}`)
  }
}

/** A view of memory that stays where it is for the length of a call. */
export function checkBytes(name: string, value: unknown): asserts value is Uint8Array {
  if (!types.isUint8Array(value)) {
    throw new TypeError(`${name} must be a Uint8Array, got ${describe(value)}`)
  }
  const buffer = value.buffer
  if (types.isSharedArrayBuffer(buffer)) {
    throw new TypeError(`${name} must not be backed by a SharedArrayBuffer`)
  }
  if (buffer.detached) throw new TypeError(`${name} is backed by a detached ArrayBuffer`)
  if (buffer.resizable) throw new TypeError(`${name} must not be backed by a resizable ArrayBuffer`)
}

export function checkSize(name: string, value: unknown, size: number): asserts value is Uint8Array {
  checkBytes(name, value)
  if (value.byteLength !== size) {
    throw new TypeError(`${name} must be ${size} bytes, got ${value.byteLength}`)
  }
}

/** Returns how many elements of `size` bytes the view holds. */
export function checkElements(name: string, value: unknown, size: number): number {
  checkBytes(name, value)
  if (size === 0) throw new TypeError(`${name}: elements of this map have no size`)
  if (value.byteLength % size !== 0) {
    throw new TypeError(`${name} must be a multiple of ${size} bytes, got ${value.byteLength}`)
  }
  return value.byteLength / size
}

export function checkRecord(name: string, value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${name} must be an object, got ${describe(value)}`)
  }
}

/** Refuses misspelt options by name. */
export function checkKeys(name: string, value: object, known: readonly string[]): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key))
  if (unknown !== undefined) {
    throw new TypeError(`${name}.${unknown} is not an option; there are ${known.join(', ')}`)
  }
}

export type FieldPath = readonly (string | number)[]

/** An object that cannot be read: which field, what it holds, and what belongs there. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
  /** From the object's root; empty where the fault has no field (truncated bytes). */
  readonly path: FieldPath

  constructor(message: string, path: FieldPath = []) {
    super(message)
    this.path = path
  }

  /** `spec.ports[0].port is "http": write a whole number`. */
  static field(path: FieldPath, value: unknown, advice: string): DecodeError {
    return new DecodeError(`${formatPath(path)} is ${show(value)}: ${advice}`, path)
  }
}

/** `spec.ports[0].port`; the root is called `the document`. */
function formatPath(path: FieldPath): string {
  if (path.length === 0) return 'the document'
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`,
    )
    .join('')
}

const SHOWN_LENGTH = 60

function show(value: unknown): string {
  if (value === undefined || value === null) return 'missing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  const text = JSON.stringify(value) ?? String(value)
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}...` : text
}

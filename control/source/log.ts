type Write = (fields: object, message: string) => void

/** The part of a pino logger that sources use. */
export interface SourceLog {
  readonly debug: Write
  readonly info: Write
  readonly warn: Write
  readonly error: Write
}

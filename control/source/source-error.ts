/** The source cannot even be set up: the message names the file or variable, the problem and what to do. */
export class SourceConfigError extends Error {
  override readonly name = 'SourceConfigError'
}

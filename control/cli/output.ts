import { stringify } from 'yaml'
import { API_VERSION } from '../server/api.ts'
import type { Output } from './output-option.ts'

export type { Output } from './output-option.ts'

/** Prints a document of our API as JSON or YAML. Returns false for formats that the caller prints. */
export function printDocument(output: Output, kind: string, body: object): boolean {
  const document = { apiVersion: API_VERSION, kind, ...body }
  if (output === 'json') process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`)
  else if (output === 'yaml') process.stdout.write(stringify(document))
  else return false
  return true
}

/** Prints lines on stdout, each ended by a newline. */
export function printLines(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}

import type { Place } from './place.ts'

export interface HttpAnswer {
  readonly code: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/**
 * What an HTTP server says to a client at this place.
 * @throws Error where none answers
 */
export async function httpGet(place: Place, url: string): Promise<HttpAnswer> {
  const { stdout } = await place.exec([process.execPath, '--eval', `(${client})(${quote(url)})`])
  return JSON.parse(stdout)
}

/** Runs in the process over there. */
async function client(url: string): Promise<void> {
  const response = await fetch(url)
  const headers = Object.fromEntries(response.headers)
  console.log(JSON.stringify({ code: response.status, headers, text: await response.text() }))
}

const quote = (text: string) => JSON.stringify(text)

import type { IncomingMessage, ServerResponse } from 'node:http'
import { sendText } from './debug-handler.ts'

export const VERBOSITY_PATH = '/debug/flags/v'

/** The greatest number that a verbosity may be, as for the flag. */
const MOST = 2_147_483_647

/**
 * PUT with a number as its body sets the log verbosity until the agent ends, as in Kubernetes components.
 *
 * @param set takes effect at once
 */
export async function answerVerbosity(
  set: (verbosity: number) => void,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const text = await bodyOf(request)
  const verbosity = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(verbosity <= MOST)) {
    const advice = `write a whole number from 0 to ${MOST}: 4 is debug, 6 is trace`
    return sendText(response, 400, `the verbosity is "${text}": ${advice}\n`)
  }
  set(verbosity)
  sendText(response, 200, `log verbosity set to ${verbosity}\n`)
}

/** As much of the body as a number may need, and a little more to be shown. */
async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) if (text.length < 64) text += chunk
  return text.slice(0, 64).trim()
}

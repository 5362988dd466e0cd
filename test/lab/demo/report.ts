import { styleText } from 'node:util'

/** What the demonstration prints: headings, and a line for each thing that was checked. */

export function heading(text: string): void {
  console.log(`\n${styleText('bold', text)}`)
}

/** Runs a check and prints its outcome; what it returns is shown beside its name. */
export async function step(name: string, check: () => Promise<string>): Promise<void> {
  try {
    const detail = await check()
    console.log(`  ${styleText('green', '✓')} ${name.padEnd(34)} ${detail}`)
  } catch (error) {
    console.log(`  ${styleText('red', '✗')} ${name.padEnd(34)} failed`)
    throw error
  }
}

/** @throws Error with that text when something is not as it should be */
export function must(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise)
}

/** The output of a command, as it would look in a terminal on that node. */
export function transcript(node: string, command: string, output: string): void {
  const lines = output.trimEnd().split('\n')
  console.log(`\n  ${styleText('bold', `${node}#`)} ${command}`)
  for (const line of lines) console.log(`  ${line}`)
}

/** "web-1 x11, web-2 x9" */
export function tally(servers: readonly string[]): string {
  const names = [...new Set(servers)].sort()
  return names.map((name) => `${name} x${servers.filter((s) => s === name).length}`).join(', ')
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

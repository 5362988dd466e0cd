import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const control = join(import.meta.dirname, '../../control')

/** What each part of the control plane may know of the others; `cli` puts all of them together. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  node: [],
  source: [],
  model: ['source'],
  mode: ['source', 'model', 'node'],
  config: ['source', 'model'],
  events: ['source'],
  server: ['source', 'model', 'mode', 'events'],
  agent: ['source', 'model', 'mode', 'events', 'server'],
}

/** The other parts that the files of one part import, with the file. */
function importsOf(part: string): string[] {
  return globSync('**/*.ts', { cwd: join(control, part) }).flatMap((file) => {
    const path = join(control, part, file)
    return [...readFileSync(path, 'utf8').matchAll(/from '(\.[^']*)'/g)]
      .map(([, target]) => relative(control, resolve(dirname(path), target as string)))
      .filter((target) => target.includes('/') && !target.startsWith(`${part}/`))
      .map((target) => `${part}/${file} -> ${target.split('/')[0]}`)
  })
}

describe('an event flows one way: source, model, mode', () => {
  it.each(Object.entries(LAYERS))('%s knows only what comes before it: %j', (part, allowed) => {
    const foreign = importsOf(part).filter((line) => !allowed.includes(line.split(' -> ')[1] ?? ''))
    expect(foreign).toEqual([])
  })
})

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import type { Coverage } from './coverage.ts'

/** The root of the repository, to which the paths of test files are relative. */
export const ROOT = join(import.meta.dirname, '../..')

const FILE = join(ROOT, 'build/rules/covered.json')

const Shape = v.record(v.string(), v.record(v.string(), v.array(v.string())))

/** What earlier runs proved: nothing where none ran, and nothing of files that are gone. */
export function readCoverage(): Coverage {
  if (!existsSync(FILE)) return {}
  const files = Object.entries(v.parse(Shape, JSON.parse(readFileSync(FILE, 'utf8'))))
  return Object.fromEntries(files.filter(([file]) => existsSync(join(ROOT, file))))
}

/** Written beside and renamed: two runs at once leave one whole file. */
export function writeCoverage(coverage: Coverage): void {
  mkdirSync(dirname(FILE), { recursive: true })
  const fresh = `${FILE}.${process.pid}`
  writeFileSync(fresh, `${JSON.stringify(coverage, null, 1)}\n`)
  renameSync(fresh, FILE)
}

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Binding } from './binding.d.ts'
import { BpfError } from './error.ts'

/** From the sources (addon/) and from the bundle (build/lib/). */
const places = ['../build/addon/kproxy.node', '../addon/kproxy.node']

function locate(): string {
  const override = process.env.KPROXY_ADDON
  if (override !== undefined && override !== '') return override
  const candidates = places.map((place) => join(import.meta.dirname, place))
  const found = candidates.find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new Error(
    `the native addon is not built: neither ${candidates.join(' nor ')} exists; run \`make\` or set KPROXY_ADDON`,
  )
}

export const native = createRequire(import.meta.url)(locate()) as Binding
native.setErrorClass(BpfError)

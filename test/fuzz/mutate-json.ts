import { mutateBytes } from './mutate-bytes.ts'
import type { Random } from './random.ts'

/** Values of every type, and those at the edges of each. */
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  0.5,
  65_536,
  2 ** 31,
  2 ** 53,
  -1e308,
  '',
  ' ',
  '0',
  'None',
  '\u0000',
  '\ud800',
  'ä'.repeat(40),
  'x'.repeat(10_000),
  '1970-01-01T00:00:00Z',
  '-271821-04-20T00:00:00Z',
  '999.999.999.999',
  '::ffff:10.0.0.1',
  [],
  [null],
  [[]],
  ['', '', ''],
  {},
  { name: 1 },
  { __proto__: null, toString: 'x' },
]

const KEYS = ['', '__proto__', 'constructor', 'toString', 'metadata', 'name', 'spec', 'x']

/** Deeper than any stack is, if somebody recurses. */
const DEEP = '['.repeat(100_000)

/** A JSON text that was right, with something wrong in its structure or in its characters. */
export function mutateJson(value: unknown, random: Random): Buffer {
  const text = Buffer.from(JSON.stringify(random.oneIn(6) ? value : mutateValue(value, random)))
  if (random.oneIn(200)) return Buffer.from(text.toString().replace('[]', DEEP))
  if (random.oneIn(200)) return Buffer.concat([Buffer.from(DEEP), text])
  return random.oneIn(5) ? mutateBytes(text, random) : text
}

/** The value with one thing changed, at any depth. */
export function mutateValue(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random.oneIn(12)) return random.pick(VALUES)
  return Array.isArray(value) ? mutateList(value, random) : mutateMapping(value, random)
}

function mutateList(list: readonly unknown[], random: Random): unknown {
  const at = random.below(list.length + 1)
  if (at === list.length) return [...list, random.pick(VALUES)]
  switch (random.below(6)) {
    case 0:
      return list.toSpliced(at, 1)
    case 1:
      return [...list, ...new Array(random.below(200)).fill(list[at])]
    default:
      return list.with(at, mutateValue(list[at], random))
  }
}

function mutateMapping(mapping: object, random: Random): unknown {
  const entries = Object.entries(mapping)
  const at = random.below(entries.length + 1)
  const entry = entries[at]
  if (entry === undefined) {
    return Object.fromEntries([...entries, [random.pick(KEYS), random.pick(VALUES)]])
  }
  const [key, value] = entry
  switch (random.below(8)) {
    case 0:
      return Object.fromEntries(entries.toSpliced(at, 1))
    case 1:
      return Object.fromEntries(entries.with(at, [random.pick(KEYS), value]))
    default:
      return Object.fromEntries(entries.with(at, [key, mutateValue(value, random)]))
  }
}

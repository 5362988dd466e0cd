/**
 * Turns the BTF of abi.h into TypeScript: one constant per struct with the offset and size of each
 * member, one per enum, and the header's plain numbers. Layouts are thus spelled out only once.
 *
 * Usage: node bpf/generate-abi.ts abi.o abi.h out.ts
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

/** The parts of `bpftool btf dump -j` that are used here. */
interface BtfType {
  readonly id: number
  readonly kind: string
  readonly name: string
  readonly size?: number
  readonly type_id?: number
  readonly nr_elems?: number
  readonly members?: readonly { name: string; type_id: number; bits_offset: number }[]
  readonly values?: readonly { name: string; val: number }[]
}

const PREFIX = 'kp_'

function main(object: string, header: string, output: string): void {
  const dump = execFileSync('bpftool', ['-j', 'btf', 'dump', 'file', object], { encoding: 'utf8' })
  const types: readonly BtfType[] = JSON.parse(dump).types
  const ours = types
    .filter((type) => type.name?.startsWith(PREFIX) && type.name !== 'kp_everything')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const lines = ['// Generated from the BTF of bpf/abi.h; do not edit.', '']
  for (const type of ours) {
    if (type.kind === 'STRUCT') lines.push(structConstant(type, types))
    if (type.kind === 'ENUM') lines.push(enumConstant(type))
  }
  lines.push(...numbers(readFileSync(header, 'utf8')))
  writeFileSync(output, `${lines.join('\n')}\n`)
}

function structConstant(type: BtfType, types: readonly BtfType[]): string {
  const members = (type.members ?? []).map(
    (member) =>
      `  ${camel(member.name)}: { offset: ${member.bits_offset / 8}, size: ${sizeOf(member.type_id, types)} },`,
  )
  return [
    `export const ${camel(type.name)} = {`,
    `  size: ${type.size},`,
    ...members,
    '} as const',
    '',
  ].join('\n')
}

function enumConstant(type: BtfType): string {
  const values = type.values ?? []
  const prefix = commonPrefix(values.map((value) => value.name))
  const members = values.map((value) => `  ${value.name.slice(prefix.length)}: ${value.val},`)
  return [`export const ${camel(type.name)} = {`, ...members, '} as const', ''].join('\n')
}

/** The longest prefix that all names share, cut at an underscore; KP_X_ for a single name. */
function commonPrefix(names: readonly string[]): string {
  const [first = '', ...rest] = names
  if (rest.length === 0) return first.slice(0, first.lastIndexOf('_') + 1)
  let length = first.length
  for (const name of rest) {
    while (!name.startsWith(first.slice(0, length))) length--
  }
  return first.slice(0, first.slice(0, length).lastIndexOf('_') + 1)
}

function sizeOf(id: number, types: readonly BtfType[]): number {
  const type = types[id - 1]
  if (type === undefined) throw new Error(`BTF type ${id} is missing`)
  if (type.kind === 'ARRAY') return (type.nr_elems ?? 0) * sizeOf(type.type_id ?? 0, types)
  if (type.kind === 'PTR') return 8
  if (type.size !== undefined) return type.size
  return sizeOf(type.type_id ?? 0, types)
}

/** `#define KP_NAME 123` lines; macros with arguments are no numbers. */
function numbers(header: string): string[] {
  return [...header.matchAll(/^#define (KP_[A-Z0-9_]+) (\d+)$/gm)].map(
    ([, name, value]) => `export const ${name} = ${value}`,
  )
}

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
}

const [object, header, output] = process.argv.slice(2)
if (object === undefined || header === undefined || output === undefined) {
  throw new Error('usage: node bpf/generate-abi.ts ABI_OBJECT ABI_HEADER OUTPUT')
}
main(object, header, output)

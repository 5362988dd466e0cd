import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as abi from '#abi'

const bpf = fileURLToPath(new URL('../../bpf', import.meta.url))

/** What another compiler says of the header: "struct.member" or "ENUMERATOR" -> number. */
let compiled: Map<string, number>
let directory: string

/** Struct and member names, and enumerators, as they stand in the header's text. */
function namesIn(header: string): { members: [string, string][]; enumerators: string[] } {
  const text = header.replace(/\/\*[\s\S]*?\*\//g, '')
  const members: [string, string][] = []
  for (const [, name, body] of text.matchAll(/^struct (\w+) \{([\s\S]*?)^\};/gm)) {
    for (const [, member] of (body ?? '').matchAll(/(\w+)(?:\[\w+\])?;/g)) {
      members.push([name as string, member as string])
    }
  }
  const enumerators = [...text.matchAll(/^\s*(KP_\w+) = /gm)].map(([, name]) => name as string)
  return { members, enumerators }
}

const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'kproxy-abi-'))
  const { members, enumerators } = namesIn(readFileSync(join(bpf, 'abi.h'), 'utf8'))
  const lines = [
    ...members.flatMap(([type, member]) => [
      `printf("${type}.${member}.offset %zu\\n", offsetof(struct ${type}, ${member}));`,
      `printf("${type}.${member}.size %zu\\n", sizeof(((struct ${type} *)0)->${member}));`,
      `printf("${type} %zu\\n", sizeof(struct ${type}));`,
    ]),
    ...enumerators.map((name) => `printf("${name} %d\\n", ${name});`),
    'printf("KP_LAYOUT_VERSION %d\\n", KP_LAYOUT_VERSION);',
  ]
  const source = `#include <stddef.h>\n#include <stdio.h>\n#include "abi.h"\nint main(void)\n{\n${lines.join('\n')}\n}\n`
  writeFileSync(join(directory, 'layout.c'), source)
  const program = join(directory, 'layout')
  execFileSync('gcc', ['-I', bpf, join(directory, 'layout.c'), '-o', program])
  const output = execFileSync(program, { encoding: 'utf8' })
  compiled = new Map(
    output
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([name, value]) => [name as string, Number(value)]),
  )
})

afterAll(() => rmSync(directory, { recursive: true }))

describe('the generated layouts', () => {
  it('agree with gcc on the size of every struct and on every member', () => {
    const constants = abi as unknown as Record<
      string,
      { size: number } & Record<string, { offset: number; size: number }>
    >
    const { members } = namesIn(readFileSync(join(bpf, 'abi.h'), 'utf8'))
    expect(members.length).toBeGreaterThan(50)
    for (const [type, member] of members) {
      const layout = constants[camel(type)]
      expect(layout?.size, type).toBe(compiled.get(type))
      expect(layout?.[camel(member)], `${type}.${member}`).toEqual({
        offset: compiled.get(`${type}.${member}.offset`),
        size: compiled.get(`${type}.${member}.size`),
      })
    }
  })

  it('agree with gcc on every enumerator', () => {
    const generated = Object.values(abi)
      .filter((constant) => typeof constant === 'object' && !('size' in constant))
      .flatMap((constant) => Object.entries(constant as unknown as Record<string, number>))
    const { enumerators } = namesIn(readFileSync(join(bpf, 'abi.h'), 'utf8'))
    expect(generated.length).toBe(enumerators.length)
    for (const name of enumerators) {
      const match = generated.some(
        ([short, value]) => name.endsWith(`_${short}`) && value === compiled.get(name),
      )
      expect(match, name).toBe(true)
    }
  })

  it('carry the layout version', () => {
    expect(abi.KP_LAYOUT_VERSION).toBe(compiled.get('KP_LAYOUT_VERSION'))
  })
})

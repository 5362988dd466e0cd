import { describe, expect, it } from 'vitest'
import { idsOf, parseScope, parseSections, readScope, readSections } from '../../rules/catalogue.ts'

const RULES = `
- section: '1.1'
  title: What is watched
  rules: {IN-1: one, IN-2: two}
- section: '3.2'
  title: Masquerading
  rules: {M1: pod}
`

describe('the list of rules', () => {
  it('keeps sections and rules in their order', () => {
    const sections = parseSections(RULES)
    expect(sections.map(({ section }) => section)).toEqual(['1.1', '3.2'])
    expect(idsOf(sections)).toEqual(['IN-1', 'IN-2', 'M1'])
    expect(sections[1]?.rules).toEqual([{ id: 'M1', title: 'pod' }])
  })

  it('refuses an id that is there twice', () => {
    expect(() => parseSections(RULES.replace('M1', 'IN-2'))).toThrow(
      'the list of rules has IN-2 twice; keep one',
    )
  })

  it('of this repository can be read, with its scope', () => {
    const ids = idsOf(readSections())
    expect(new Set(ids).size).toBe(ids.length)
    expect(() => readScope(ids)).not.toThrow()
  })
})

describe('the scope', () => {
  const ids = ['IN-1', 'IN-2', 'M1']
  const scope = (notApplicable: object, later: object = {}) =>
    parseScope(JSON.stringify({ notApplicable, later }), ids)

  it('says something of an id, or of each of a range', () => {
    const { notApplicable, later } = scope(
      { 'IN-1 to IN-2': { ebpf: 'no chains' } },
      { M1: 'edge plane' },
    )
    expect(notApplicable.get('IN-2')?.get('ebpf')).toBe('no chains')
    expect(notApplicable.has('M1')).toBe(false)
    expect([...later]).toEqual([['M1', 'edge plane']])
  })

  it('refuses what names no rules, and what names one twice', () => {
    expect(() => scope({ 'IN-9': { ebpf: 'x' } })).toThrow('"IN-9" names no rules')
    expect(() => scope({ everything: { ebpf: 'x' } })).toThrow('"everything" names no rules')
    expect(() => scope({ 'IN-1': { epbf: 'x' } })).toThrow('epbf')
    expect(() => scope({ 'IN-1': {}, 'IN-1 to IN-2': {} })).toThrow(
      '"IN-1 to IN-2" says something of IN-1 a second time',
    )
  })
})

import { describe, expect, it } from 'vitest'
import { Citations } from '../../rules/citation.ts'

const known = ['IN-1', 'IN-2', 'IN-7', 'IN-9', 'IP-1', 'M1', 'M2', 'EP-1', 'EP-T1']
const citations = new Citations(known)

describe('a name cites', () => {
  it.each<[what: string, text: string, ids: string[]]>([
    ['a rule by its id', 'is skipped (IN-7)', ['IN-7']],
    ['each rule of a list once', 'IN-9, M2, EP-T1: the same (IN-9)', ['IN-9', 'M2', 'EP-T1']],
    ['the rules between two', 'IN-2 to IN-9', ['IN-2', 'IN-7', 'IN-9']],
    ['a range with dots', 'M1..M2', ['M1', 'M2']],
    ['ranges with a dash and an ellipsis', 'IN-1–IN-2, M1…M2', ['IN-1', 'IN-2', 'M1', 'M2']],
    ['two rules, not a range', 'IN-1 and IN-7', ['IN-1', 'IN-7']],
    ['none in words that look alike', 'IPv4, SHA-256, MAIN-1, M1x, RAM2, x-IN-1, IN-1-2', []],
  ])('%s', (_, text, ids) => {
    expect(citations.in(text)).toEqual({ ids, unknown: [] })
  })

  it.each([
    ['a rule that does not exist', 'IN-3', ['IN-3']],
    ['a range whose end does not exist', 'IN-7 to IN-8', ['IN-8']],
    ['a range that runs backwards', 'IN-9 to IN-7', ['IN-9 to IN-7']],
    ['a range over two families', 'IN-1 to IP-1', ['IN-1 to IP-1']],
  ])('%s, and that is told', (_, text, unknown) => {
    expect(citations.in(text).unknown).toEqual(unknown)
  })
})

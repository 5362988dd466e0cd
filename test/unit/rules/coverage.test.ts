import { describe, expect, it } from 'vitest'
import { merge, proofsByRule, type TestRun } from '../../rules/coverage.ts'

/** The words of these names are what they cite. */
const cited = (name: string) => name.split(' ')
const run = (...tests: [name: string, outcome: TestRun['outcome']][]) =>
  tests.map(([name, outcome]) => ({ name, outcome }))

describe('what a run proved', () => {
  it('is what passed in it', () => {
    const tests = run(['IN-1', 'passed'], ['IN-2 M1', 'passed'], ['IN-3', 'failed'])
    expect(merge({}, new Map([['a', tests]]), cited)).toEqual({
      a: { 'IN-1': ['IN-1'], 'IN-2 M1': ['IN-2', 'M1'] },
    })
  })

  it('takes the place of what the same files proved before, and of nothing else', () => {
    const before = { a: { 'IN-1': ['IN-1'], 'IN-2': ['IN-2'] }, b: { M1: ['M1'] } }
    const after = merge(before, new Map([['a', run(['IN-1', 'failed'], ['M2', 'passed'])]]), cited)
    expect(after).toEqual({ a: { M2: ['M2'] }, b: { M1: ['M1'] } })
  })

  it('leaves tests that were not chosen as they were', () => {
    const before = { a: { 'IN-1': ['IN-1'] } }
    const chosen = run(['IN-1', 'not run'], ['IN-2', 'not run'], ['M1', 'passed'])
    expect(merge(before, new Map([['a', chosen]]), cited)).toEqual({
      a: { 'IN-1': ['IN-1'], M1: ['M1'] },
    })
  })

  it('is forgotten of a file that could not be loaded', () => {
    expect(merge({ a: { M1: ['M1'] } }, new Map([['a', []]]), cited)).toEqual({ a: {} })
  })
})

it('a rule is proven by tests of any file', () => {
  const proofs = proofsByRule({ a: { x: ['M1', 'M2'] }, b: { y: ['M1'], z: [] } })
  expect([...proofs.keys()]).toEqual(['M1', 'M2'])
  expect(proofs.get('M1')).toEqual([
    { file: 'a', name: 'x' },
    { file: 'b', name: 'y' },
  ])
})

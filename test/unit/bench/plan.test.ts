import { describe, expect, test } from 'vitest'
import { Selection } from '../../bench/plan.ts'
import type { BenchId } from '../../bench/results.ts'

const KNOWN: readonly BenchId[] = ['P1', 'P3', 'P7', 'P8', 'P12']

describe('--only', () => {
  test('without it everything is asked', () => {
    const all = new Selection(undefined, KNOWN)
    expect(KNOWN.every((id) => all.has(id))).toBe(true)
    expect(all.stock && all.curve).toBe(true)
  })

  test('an agent-only selection needs neither stock proxies nor the curve', () => {
    const some = new Selection('P7, P8', KNOWN)
    expect([some.has('P7'), some.has('P1')]).toEqual([true, false])
    expect([some.stock, some.curve]).toEqual([false, false])
  })

  test('changes are compared with stock proxies, without the curve', () => {
    const some = new Selection('P12', KNOWN)
    expect([some.stock, some.curve]).toEqual([true, false])
  })

  test('the model is asked without nodes', () => {
    const model = new Selection('M1', [...KNOWN, 'M1'])
    expect([model.has('M1'), model.rig, model.stock, model.curve]).toEqual([
      true,
      false,
      false,
      false,
    ])
    expect(new Selection('M1,P7', [...KNOWN, 'M1']).rig).toBe(true)
  })

  test('an unknown id is refused with the ones there are', () => {
    expect(() => new Selection('P1,P99', KNOWN)).toThrow(/no benchmark "P99"; choose from P1, P3/)
  })
})

describe('a quick run', () => {
  const ALL: readonly BenchId[] = [...KNOWN, 'P10', 'P14', 'M1']

  test('leaves out what takes long', () => {
    const quick = new Selection(undefined, ALL, true)
    expect(ALL.filter((id) => quick.has(id))).toEqual(KNOWN)
    expect(quick.isWhole).toBe(false)
    expect(new Selection(undefined, ALL).isWhole).toBe(true)
  })

  test('asks everything of what it is told to ask', () => {
    const quick = new Selection('P10,P7', ALL, true)
    expect(ALL.filter((id) => quick.has(id))).toEqual(['P7', 'P10'])
    expect(quick.isWhole).toBe(true)
  })
})

import { describe, expect, it } from 'vitest'
import { parseScope, parseSections } from '../../rules/catalogue.ts'
import { formatRules } from '../../rules/format.ts'
import { judge, missing } from '../../rules/report.ts'

const sections = parseSections(`
- section: '1.1'
  title: Inputs
  rules: {IN-1: seen, IN-2: hidden}
- section: '3.10'
  title: Flows
  kernel: true
  rules: {CT-1: cleaned, CT-2: left alone, CT-3: ended}
- section: '4.3'
  title: Chains
  rules: {IT-1: chances, IT-2: names}
- section: '10.1'
  title: Requests
  rules: {AP-1: asked}
`)
const scope = parseScope(
  JSON.stringify({
    notApplicable: { 'IT-1': { ebpf: 'no chains' }, 'IN-1': { ebpf: 'never shown: it is proven' } },
    later: { 'CT-1': 'edge plane', 'IN-1': 'from outside: edge plane' },
  }),
  ['IN-1', 'IN-2', 'CT-1', 'CT-2', 'CT-3', 'IT-1', 'IT-2', 'AP-1'],
)
const proofs = new Map([
  ['CT-1', [{ file: 'test/unit/a.test.ts', name: 'CT-1' }]],
  ['CT-2', [{ file: 'test/unit/a.test.ts', name: 'CT-2' }]],
  [
    'CT-3',
    [
      { file: 'test/unit/a.test.ts', name: 'CT-3' },
      { file: 'test/bpf/a.test.ts', name: 'CT-3' },
    ],
  ],
  ['IN-1', [{ file: 'test/unit/a.test.ts', name: 'is seen (IN-1)' }]],
  [
    'AP-1',
    [
      { file: 'test/unit/a.test.ts', name: 'AP-1' },
      { file: 'test/net/b.test.ts', name: 'AP-1' },
    ],
  ],
])
const entries = judge(sections, scope, proofs, 'ebpf')

describe('the state of a rule', () => {
  it('is what tests prove, before what is written of it', () => {
    expect(entries.map(({ id, state }) => `${id} ${state.kind}`)).toEqual([
      'IN-1 covered',
      'IN-2 open',
      'CT-1 later',
      'CT-2 open',
      'CT-3 covered',
      'IT-1 not applicable',
      'IT-2 open',
      'AP-1 covered',
    ])
  })

  it('depends on the mode', () => {
    const entry = judge(sections, scope, proofs, 'iptables').find(({ id }) => id === 'IT-1')
    expect(entry).toMatchObject({ id: 'IT-1', state: { kind: 'open' } })
  })

  it('is not proven by unit tests where it is about the kernel', () => {
    const state = (id: string) => entries.find((entry) => entry.id === id)?.state
    expect(state('CT-2')).toMatchObject({ kind: 'open', proofs: [{ name: 'CT-2' }] })
    expect(state('CT-3')).toMatchObject({ kind: 'covered' })
    expect(state('IN-1')).toMatchObject({ kind: 'covered' })
  })

  it('that is open fails in the sections of traffic, configuration, health and API alone', () => {
    expect(missing(entries).map(({ id }) => id)).toEqual(['IN-2', 'CT-2'])
    expect(missing(judge(sections, scope, new Map(), 'ebpf')).map(({ id }) => id)).toEqual([
      'IN-2',
      'CT-2',
      'CT-3',
      'AP-1',
    ])
  })
})

describe('the table', () => {
  it('goes by section, and ends with a summary', () => {
    expect(formatRules(sections, entries, false).split('\n')).toEqual([
      '1.1 Inputs',
      '',
      '  IN-1   seen     covered by 1 test: unit 1; the rest later: from outside: edge plane',
      '  IN-2   hidden   OPEN',
      '',
      '3.10 Flows',
      '',
      '  CT-1   cleaned      later: edge plane; decided: unit 1',
      '  CT-2   left alone   OPEN; decided: unit 1',
      '  CT-3   ended        covered by 2 tests: unit 1, bpf 1',
      '',
      '4.3 Chains',
      '',
      '  IT-1   chances   not applicable: no chains',
      '  IT-2   names     OPEN',
      '',
      '10.1 Requests',
      '',
      '  AP-1   asked   covered by 2 tests: unit 1, net 1',
      '',
      '8 rules: 3 covered, 1 not applicable, 1 later, 3 open; 2 of the open ones required',
    ])
  })

  it('names the tests when asked', () => {
    expect(formatRules(sections, entries, true).split('\n').slice(2, 5)).toEqual([
      '  IN-1   seen     covered by 1 test: unit 1; the rest later: from outside: edge plane',
      '      test/unit/a.test.ts: is seen (IN-1)',
      '  IN-2   hidden   OPEN',
    ])
  })
})

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { backendName, type Candidate, sortedOnce } from '../../../control/model/held-slice.ts'
import { mergeCandidates } from '../../../control/model/merge.ts'

const anyCandidate: fc.Arbitrary<Candidate> = fc
  .record({
    address: fc.constantFrom('10.0.0.1', '10.0.0.10', '10.0.0.9', 'fd00::1', 'fd00::1:0'),
    port: fc.constantFrom(80, 8080),
    terminating: fc.boolean(),
    targetUid: fc.uuid(),
  })
  .map((fields) => ({
    ...fields,
    local: false,
    targetName: '',
    zone: '',
    ready: !fields.terminating,
    serving: true,
    zoneHints: undefined,
    nodeHints: undefined,
  }))

const anySorted = fc
  .array(anyCandidate, { maxLength: 8 })
  .map((all) => sortedOnce(all, backendName))

it('an endpoint is named by address and port, IPv6 in brackets (IN-28)', () => {
  expect(backendName({ address: '10.0.0.1', port: 80 })).toBe('10.0.0.1:80')
  expect(backendName({ address: 'fd00::1', port: 80 })).toBe('[fd00::1]:80')
})

it('merging slices is sorting all of their endpoints at once (IN-29, IN-31)', () => {
  fc.assert(
    fc.property(fc.array(anySorted, { maxLength: 9 }), (lists) => {
      expect(mergeCandidates(lists)).toEqual(sortedOnce(lists.flat(), backendName))
    }),
  )
})

import { expect, it } from 'vitest'
import { Ledger } from '../../../control/mode/ebpf/ledger.ts'
import { describeOperation } from '../../../control/mode/ebpf/operations.ts'
import { plan } from '../../../control/mode/ebpf/plan.ts'
import { planRetirement } from '../../../control/mode/ebpf/retire.ts'
import type { ServicePortChange } from '../../../control/model/service-port.ts'
import { SMALL } from './fake-maps.ts'
import { port, remove, set } from './ports.ts'

const a = port(['10.0.0.1:80', '10.0.0.2:80'], { name: 'a', frontends: ['10.96.0.1:80'] })
const b = port(['10.0.1.1:80'], { name: 'b', frontends: ['10.96.0.2:80'] })
const grown = port(['10.0.1.1:80', '10.0.1.2:80'], { name: 'b', frontends: ['10.96.0.2:80'] })

/** All operations for changes, what follows a grace period too, as text. */
function writes(ledger: Ledger, changes: readonly ServicePortChange[]): string[] {
  const parts = [...plan(ledger, changes, { complete: false, mayRemove: true })]
  return parts
    .flatMap(({ operations, retirement }) => [...operations, ...planRetirement(ledger, retirement)])
    .flatMap(describeOperation)
}

/** The frontend of the Service a, its endpoints, and its members: it has the first id. */
const OF_A = /10\.96\.0\.1:|10\.0\.0\.|member 1\//

it.each([
  ['is added', [], [set(b)]],
  ['changes', [set(b)], [set(grown)]],
  ['goes', [set(b)], [remove(b)]],
])('a Service that %s writes nothing of another one (SY-6)', (_, before, changes) => {
  const ledger = new Ledger(SMALL)
  const ofA = (lines: readonly string[]) => lines.filter((line) => OF_A.test(line))
  expect(ofA(writes(ledger, [set(a)])).length).toBeGreaterThan(3)
  writes(ledger, before)
  const found = writes(ledger, changes)
  expect(found.filter((line) => line.includes('10.96.0.2:80'))).toHaveLength(1)
  expect(ofA(found)).toEqual([])
})

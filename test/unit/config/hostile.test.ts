import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromFile, HEAD } from './configure.ts'

const kubeadm = readFileSync(join(import.meta.dirname, 'fixtures/kubeadm.conf'), 'utf8')

/** The text with some of its parts replaced by others, or by what breaks YAML. */
const mutated = fc
  .array(
    fc.record({
      at: fc.nat(kubeadm.length),
      length: fc.nat(12),
      text: fc.oneof(
        fc.constantFrom(
          '',
          ' ',
          '\n',
          ': ',
          '- ',
          '[',
          '{',
          '"',
          '*a',
          '&a ',
          '!!x ',
          '---\n',
          '\t',
        ),
        fc.constantFrom('null', '~', 'true', '-1', '1e99', '.nan', '0x7fffffffffffffff', '<<: '),
        fc.string({ maxLength: 4 }),
      ),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((edits) =>
    edits.reduce(
      (text, { at, length, text: put }) => text.slice(0, at) + put + text.slice(at + length),
      kubeadm,
    ),
  )

/** Every outcome is one of two: a configuration to use, or errors that say where. */
function decided(text: string): void {
  const { effective, problems } = fromFile(text)
  const errors = problems.filter(({ severity }) => severity === 'error')
  expect(effective === undefined).toBe(errors.length > 0)
  for (const { at, message } of errors) {
    expect(at).toMatch(/^f(:\d+:\d+)?$/)
    expect(message).not.toBe('')
  }
}

describe('whatever a file holds, it is used or refused with a place and a sentence', () => {
  it('mutated configurations', { timeout: 60_000 }, () => {
    fc.assert(fc.property(mutated, decided), { numRuns: 1_000 })
  })

  it('any values in any fields', { timeout: 60_000 }, () => {
    const names = fc.constantFrom(
      'mode',
      'conntrack',
      'min',
      'iptables',
      'featureGates',
      'logging',
      'vmodule',
      'nodePortAddresses',
      'clusterCIDR',
      '__proto__',
      'constructor',
    )
    const object = fc.object({ key: names, maxDepth: 3 })
    fc.assert(
      fc.property(object, (fields) => {
        const body = JSON.stringify(fields).slice(1, -1)
        const head =
          '"apiVersion":"kubeproxy.config.k8s.io/v1alpha1","kind":"KubeProxyConfiguration"'
        decided(`{${head}${body === '' ? '' : `,${body}`}}`)
      }),
      { numRuns: 1_000 },
    )
  })

  it('bombs of aliases', () => {
    const levels = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
    const bomb = levels.map((name, index) => {
      const inner = index === 0 ? '1' : `*${levels[index - 1]}`
      return `${name}: &${name} [${Array.from({ length: 10 }, () => inner)}]`
    })
    expect(fromFile(`${HEAD}${bomb.join('\n')}\n`).problems[0]?.message).toMatch(
      /Excessive alias count.*correct the YAML/,
    )
  })
})

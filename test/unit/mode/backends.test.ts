import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ABSENT, BackendRegistry, INVALID } from '../../../control/mode/ebpf/backends.ts'
import { ID_BLOCK, IdAllocator } from '../../../control/mode/ebpf/ids.ts'
import { addressPort } from '../../../control/mode/ebpf/records.ts'
import { backend } from './ports.ts'

const texts = fc.array(
  fc.tuple(fc.nat(40), fc.constantFrom('', '=a', '=b')).map(([n, uid]) => `10.0.0.${n}:80${uid}`),
  { maxLength: 200 },
)

describe('the backend registry', () => {
  it('finds what was added and not dropped, and nothing else', () => {
    fc.assert(
      fc.property(texts, (list) => {
        const registry = new BackendRegistry()
        const model = new Map<string, number>()
        let nextId = 1
        for (const text of list) {
          const index = registry.look(backend(text), 6)
          expect(index).toBe(model.get(text) ?? ABSENT)
          if (index === ABSENT) model.set(text, registry.add(nextId++))
          else {
            registry.drop(index)
            model.delete(text)
          }
          expect(registry.size).toBe(model.size)
        }
        for (const [text, index] of model) {
          const place = addressPort(registry.words, index * 4, registry.port(index))
          expect(place).toBe(text.split('=')[0])
        }
      }),
    )
  })

  it('grows and still finds everything', () => {
    const registry = new BackendRegistry()
    const all = Array.from({ length: 5000 }, (_, n) => backend(`10.1.${n >> 8}.${n & 255}:80=${n}`))
    const indexes = all.map((one, n) =>
      registry.look(one, 6) === ABSENT ? registry.add(n + 1) : -1,
    )
    expect(all.map((one) => registry.look(one, 6))).toEqual(indexes)
  })

  it.each([
    ['another protocol', backend('10.0.0.1:80'), 17],
    ['another port', backend('10.0.0.1:81'), 6],
    ['another target', backend('10.0.0.1:80=pod'), 6],
    ['another place', { ...backend('10.0.0.1:80'), local: true }, 6],
  ])('takes %s for another backend', (_, other, protocol) => {
    const registry = new BackendRegistry()
    registry.look(backend('10.0.0.1:80'), 6)
    registry.add(1)
    expect(registry.look(other, protocol)).toBe(ABSENT)
  })

  it.each(['10.0.0.1:0', '10.0.0.1:65536', '10.0.0.1:80.5', 'pod:80'])('refuses "%s"', (text) => {
    expect(new BackendRegistry().look(backend(text), 6)).toBe(INVALID)
  })
})

describe('ids', () => {
  it('are below the mark, which moves by blocks', () => {
    const ids = new IdAllocator('service', 0)
    expect(ids.take()).toBe(1)
    expect(ids.mark).toBe(1 + ID_BLOCK)
    for (let n = 1; n < ID_BLOCK; n++) expect(ids.take()).toBeLessThan(ids.mark)
    expect(ids.mark).toBe(1 + ID_BLOCK)
    ids.take()
    expect(ids.mark).toBe(1 + 2 * ID_BLOCK)
  })

  it('go on at the mark after a restart, whatever was used of the block', () => {
    const ids = new IdAllocator('service', 0)
    ids.take()
    expect(new IdAllocator('service', ids.mark).take()).toBe(ids.mark)
  })

  it('end with a sentence that says what to do', () => {
    const ids = new IdAllocator('backend', 0xfffffffe)
    ids.take()
    expect(() => ids.take()).toThrow(/backend ids of this node were used; run "kproxy cleanup"/)
  })
})

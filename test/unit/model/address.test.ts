import { isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatAddress, parseAddress } from '../../../control/model/address.ts'

function bytesOf(text: string): number[] | undefined {
  const words = new Uint32Array(4)
  return parseAddress(text, words) ? [...new Uint8Array(words.buffer)] : undefined
}

function canonical(text: string): string {
  const words = new Uint32Array(4)
  parseAddress(text, words)
  return formatAddress(words)
}

describe('addresses', () => {
  it('keep IPv4 v4-mapped in network order', () => {
    expect(bytesOf('10.96.0.255')).toEqual([...new Array(10).fill(0), 255, 255, 10, 96, 0, 255])
  })

  it('keep IPv6 in network order', () => {
    expect(bytesOf('fd00:1::a:2')).toEqual([0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 2])
  })

  it('are read exactly where node reads them, zones apart', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{0,24}$/), fc.string()),
        (text) => {
          expect(bytesOf(text) !== undefined).toBe(isIP(text) !== 0 && !text.includes('%'))
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('are written as the URL standard writes them', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const written = canonical(text)
        expect(bytesOf(written)).toEqual(bytesOf(text))
        if (written.includes(':')) {
          expect(`[${written}]`).toBe(new URL(`http://[${text}]/`).hostname)
        }
      }),
    )
  })

  it.each([
    ['1.2.3', undefined],
    ['1.2.3.4.5', undefined],
    ['01.2.3.4', undefined],
    ['256.1.1.1', undefined],
    ['1::2::3', undefined],
    ['fe80::1%eth0', undefined],
    [':1', undefined],
    ['1:2:3:4:5:6:7:8:9', undefined],
    ['', undefined],
  ])('do not take "%s" for one', (text, expected) => {
    expect(bytesOf(text)).toBe(expected)
  })
})

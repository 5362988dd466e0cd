import { hostname } from 'node:os'
import { describe, expect, it } from 'vitest'
import { resolveNodeName } from '../../../control/cli/paths.ts'

describe('the name of this node (IN-40)', () => {
  it('is what is given, trimmed and in lower case', () => {
    expect(resolveNodeName(' Node-1.Example ')).toBe('node-1.example')
  })

  it('is the host name where nothing is given', () => {
    expect(resolveNodeName(undefined)).toBe(hostname().trim().toLowerCase())
  })

  it.each(['  ', '/', 'a/../b', '..', 'a_b', '-a', 'a.', 'n'.repeat(254)])(
    'cannot be "%s", which would become a directory',
    (text) => {
      expect(() => resolveNodeName(text)).toThrow(/--node-name is ".*"; write the name/)
    },
  )
})

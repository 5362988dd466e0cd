import { expect, it } from 'vitest'
import { formatBindAddress } from '../../../control/server/bind-address.ts'

it('writes brackets around IPv6', () => {
  expect(formatBindAddress({ host: '::1', port: 80 })).toBe('[::1]:80')
  expect(formatBindAddress({ host: '127.0.0.1', port: 80 })).toBe('127.0.0.1:80')
})

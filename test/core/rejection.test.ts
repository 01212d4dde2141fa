import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRejection, reject } from '../../src/core/rejection.ts'

test('a rejection is a code and its details, as a value', () => {
  assert.deepEqual(reject('Closed'), { kind: 'rejection', code: 'Closed', details: undefined })
  assert.deepEqual(reject('InsufficientFunds', { balance: 5 }), { kind: 'rejection', code: 'InsufficientFunds', details: { balance: 5 } })
})

test('a rejection is told apart from events and from nothing', () => {
  assert.ok(isRejection(reject('Closed')))
  for (const value of [undefined, null, [], [reject('Closed')], { type: 'Closed', data: {} }, 'rejection']) assert.ok(!isRejection(value))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { step } from '../../src/core/fold.ts'

const evolve = { Added: (sum: number, event: { by: number }, extra?: number) => sum + event.by + (extra ?? 0), Gone: undefined }

test('a step is what the evolver of the type makes of the state', () => {
  assert.equal(step(evolve, 1, { type: 'Added', by: 2 } as never), 3)
})

test('what comes along reaches the evolver', () => {
  assert.equal(step(evolve, 1, { type: 'Added', by: 2 } as never, 10), 13)
})

test('a type without an evolver leaves the state as it is', () => {
  const state = {}
  assert.equal(step(evolve, state, { type: 'Gone' }), state)
  assert.equal(step(evolve, state, { type: 'Other' }), state)
})

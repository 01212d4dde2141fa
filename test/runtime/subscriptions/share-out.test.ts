/** Who gets which part. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { shareOut } from '../../../src/runtime/subscription/share-out.ts'

const partOf = (subscription: string, owner: string | null) => ({ subscription, part: '0/1', owner, epoch: 1, position: 0, state: '{}' })
const worker = (owner: string, ...subscriptions: readonly string[]) => ({ owner, subscriptions: new Set(subscriptions) })

test('who has a part keeps it unless another one has less to do by two', () => {
  const workers = [worker('a', 'x', 'y', 'z'), worker('b', 'x', 'y', 'z')]
  assert.deepEqual(shareOut([partOf('x', 'a'), partOf('y', 'b'), partOf('z', 'a')], workers), ['a', 'b', 'a'])
  assert.deepEqual(shareOut([partOf('x', 'a'), partOf('y', 'a'), partOf('z', null)], workers), ['a', 'a', 'b'])
})

test('a part that only one can work on is his, however much he has', () => {
  const workers = [worker('a', 'x', 'y', 'z'), worker('b', 'z')]
  assert.deepEqual(shareOut([partOf('x', 'a'), partOf('y', null), partOf('z', 'a')], workers), ['a', 'a', 'b'])
  assert.deepEqual(shareOut([partOf('w', null)], workers), [undefined])
})

test('whoever can work on a part has it, all work out the same, and what is shared out stays', () => {
  const names = ['x', 'y', 'z', 'w']
  const parts = fc.array(fc.tuple(fc.constantFrom(...names), fc.option(fc.constantFrom('a', 'b', 'c', 'gone'))), { maxLength: 12 })
  const workers = fc.tuple(...['a', 'b', 'c'].map((owner) => fc.subarray(names).map((able) => worker(owner, ...able))))
  fc.assert(
    fc.property(parts, workers, (given, able) => {
      const all = given.map(([subscription, owner]) => partOf(subscription, owner))
      const owners = shareOut(all, able)
      assert.deepEqual(shareOut(all, able.toReversed()), owners)
      all.forEach((part, i) => {
        const possible = able.filter(({ subscriptions }) => subscriptions.has(part.subscription)).map(({ owner }) => owner)
        if (possible.length === 0) assert.equal(owners[i], undefined)
        else assert.ok(possible.includes(owners[i] as string))
      })
      const after = all.map((part, i) => ({ ...part, owner: owners[i] ?? null }))
      assert.deepEqual(shareOut(after, able), owners)
    }),
  )
})

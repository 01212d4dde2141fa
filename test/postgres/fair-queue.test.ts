/** Who waits for a batch is served in turns, one of each tenant, and within a tenant in the order of arrival. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FairQueue } from '../../src/stores/postgres/fair-queue.ts'

/** A queue of texts like `a1`: the letter is the tenant. */
function queueOf(...items: readonly string[]): FairQueue<string> {
  const queue = new FairQueue<string>((item) => item[0] as string)
  for (const item of items) queue.push(item)
  return queue
}

/** Takes at most so many, and nobody whom the filter refuses. */
function take(queue: FairQueue<string>, count = 100, wanted: (item: string) => boolean = () => true): string {
  const taken: string[] = []
  queue.take((item) => {
    if (taken.length === count) return 'enough'
    if (!wanted(item)) return 'not now'
    taken.push(item)
    return 'taken'
  })
  return taken.join(' ')
}

test('tenants take turns, each in the order of its own', () => {
  const queue = queueOf('a1', 'a2', 'a3', 'b1', 'a4', 'c1', 'c2')
  assert.equal(take(queue), 'a1 b1 c1 a2 c2 a3 a4')
  assert.ok(queue.isEmpty)
})

test('a tenant alone is served in the order of arrival, and can go on after the queue was empty', () => {
  const queue = queueOf('a1', 'a2', 'a3')
  assert.equal(take(queue), 'a1 a2 a3')
  assert.ok(queue.isEmpty)
  queue.push('a4')
  assert.equal(take(queue), 'a4')
})

test('the next batch begins where the last one has ended', () => {
  const queue = queueOf('a1', 'a2', 'a3', 'b1', 'b2', 'c1')
  assert.equal(take(queue, 2), 'a1 b1')
  assert.equal(take(queue, 2), 'c1 a2')
  assert.equal(take(queue, 2), 'b2 a3')
})

test('who is not wanted keeps its whole tenant from being taken, nobody else, and is asked first the next time', () => {
  const queue = queueOf('a1', 'b1', 'b2', 'c1')
  assert.equal(
    take(queue, 100, (item) => item !== 'b1'),
    'a1 c1',
  )
  queue.push('a2')
  assert.equal(take(queue), 'b1 a2 b2')
})

test('what is put back comes before what was behind it, in the order that it had', () => {
  const queue = queueOf('a1', 'a2', 'a3', 'b1', 'c1')
  assert.equal(take(queue, 4), 'a1 b1 c1 a2')
  queue.push('d1')
  queue.putBack(['b1', 'a1', 'a2'])
  assert.equal(take(queue), 'b1 a1 d1 a2 a3')
})

test('half a million who wait in one line are let out in the time of a line that is not moved for each of them', () => {
  const queue = new FairQueue<number>(() => '')
  const count = 500_000
  const started = performance.now()
  for (let i = 0; i < count; i++) queue.push(i)
  let next = 0
  while (!queue.isEmpty) {
    let room = 5 // few at a time, and one of them back: what an array does worst
    const taken: number[] = []
    queue.take((item) => {
      if (room-- === 0) return 'enough'
      taken.push(item)
      return 'taken'
    })
    queue.putBack(taken.slice(4))
    for (const item of taken.slice(0, queue.isEmpty ? 5 : 4)) assert.equal(item, next++)
  }
  assert.equal(next, count)
  assert.ok(performance.now() - started < 5_000)
})

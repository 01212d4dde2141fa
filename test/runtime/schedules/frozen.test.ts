/** Schedules of processes that are frozen, or hear no answer: a run is executed once, and what is cancelled is not executed any more. */
import assert from 'node:assert/strict'
import { StoreUnavailableError } from '../../../src/core/errors.ts'
import { type Given, onEveryStore } from '../on-every-store.ts'
import { workInFrontOf } from '../subscriptions/follow.ts'
import { belfry, freezing, openBelfry, pass, robot, rungAt } from './bells.ts'

const seconds = (count: number) => ({ seconds: count })

/** An app that is frozen while it executes a schedule, after as many seconds. */
async function frozenAfter(given: Given, count: number, how: 'after' | 'every') {
  const parts = belfry()
  const start = given.clock.now()
  const ice = freezing()
  const frozen = openBelfry(given, parts, { middleware: [ice.gate] })
  await frozen.start()
  const due = how === 'every' ? { every: seconds(count) } : { after: seconds(count) }
  await frozen.schedule(parts.ring({ bell: 'a' }), { ...due, actor: robot, id: 'a' })
  await given.clock.advance(seconds(count))
  await ice.reached
  return { parts, start, frozen, thaw: ice.thaw }
}

onEveryStore('who was frozen while executing is replaced after a lease, and wakes up in vain', async (given) => {
  const { parts, start, frozen, thaw } = await frozenAfter(given, 30, 'every')
  const heir = openBelfry(given, parts)
  await pass(given.clock, [heir], 9)
  assert.deepEqual(await rungAt(given.store, start), {})
  await pass(given.clock, [heir], 2)
  assert.deepEqual(await rungAt(given.store, start), { a: [30] })
  await pass(given.clock, [heir], 20)
  thaw()
  for (const app of [frozen, heir]) await app.settle()
  assert.deepEqual(await rungAt(given.store, start), { a: [30, 60] })
  assert.deepEqual([(await heir.schedules.get('a'))?.runs, (await heir.schedules.get('a'))?.dueAt], [2, new Date(start + 90_000)])
})

for (const when of ['before', 'after'] as const) {
  onEveryStore(`a run whose outcome is lost ${when} it was written is answered, not executed again`, async (given) => {
    const parts = belfry()
    const start = given.clock.now()
    let lost = 0
    const store = workInFrontOf(given.store, {
      async commit(works) {
        const isOutcome = works.some(({ records }) => records?.some(({ kind, body }) => kind === 'schedule' && body?.includes('"outcome"')))
        if (!isOutcome || lost++ > 0) return given.store.work.commit(works)
        if (when === 'after') await given.store.work.commit(works)
        throw new StoreUnavailableError('test', 'the answer is lost')
      },
    })
    const app = openBelfry({ ...given, store }, parts)
    await app.start()
    await app.schedule(parts.ring({ bell: 'a' }), { after: seconds(1), actor: robot, id: 'a' })
    await pass(given.clock, [app], 15)
    assert.deepEqual(await rungAt(given.store, start), { a: [1] })
    assert.equal((await app.schedules.get('a'))?.status, 'done')
  })
}

onEveryStore('what is cancelled while a dead process was about to execute it is not executed any more', async (given) => {
  const { parts, start, frozen, thaw } = await frozenAfter(given, 1, 'after')
  const desk = openBelfry(given, parts)
  assert.equal(await desk.schedules.cancel('a'), true)
  thaw()
  await frozen.settle()
  await pass(given.clock, [frozen, desk], 20)
  assert.deepEqual([await rungAt(given.store, start), await desk.schedules.list()], [{}, []])
})

for (const then of ['is cancelled', 'is to be tried again and is cancelled'] as const) {
  onEveryStore(`what has failed for good and ${then} is not executed by who was frozen since`, async (given) => {
    const { parts, start, frozen, thaw } = await frozenAfter(given, 1, 'after')
    parts.state.isBroken = true
    const heir = openBelfry(given, parts)
    await pass(given.clock, [heir], 15)
    assert.equal((await heir.schedules.get('a'))?.status, 'failed')
    await heir.stop({ keepStore: true })
    const desk = openBelfry(given, parts)
    if (then !== 'is cancelled') await desk.schedules.retry('a')
    assert.equal(await desk.schedules.cancel('a'), true)
    parts.state.isBroken = false
    thaw()
    await frozen.settle()
    await pass(given.clock, [frozen], 20)
    assert.deepEqual([await rungAt(given.store, start), await desk.schedules.list()], [{}, []])
  })
}

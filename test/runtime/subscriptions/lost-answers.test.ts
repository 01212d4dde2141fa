/** Commits whose answer is lost, at the worst moments. */
import assert from 'node:assert/strict'
import { StoreUnavailableError } from '../../../src/core/errors.ts'
import { openAccount } from '../../domain/bank.ts'
import { onEveryStore } from '../on-every-store.ts'
import { ann } from '../open-bank.ts'
import { openFollowed, openWithDeposits, payIn, sums, workInFrontOf } from './follow.ts'

onEveryStore('a stop after a commit whose answer is lost does not take the position back', async (given) => {
  let stop = () => {}
  const store = workInFrontOf(given.store, {
    async commit(works) {
      const results = await given.store.work.commit(works)
      if (!works.some(({ rows }) => rows?.length)) return results
      stop()
      throw new StoreUnavailableError('test', 'the answer is lost')
    },
  })
  const first = openFollowed(given, { store, projections: [sums] })
  await first.start()
  // Something that concerns nobody comes first: its position is known, and not written.
  await first.execute(openAccount({ accountId: 'b', owner: 'ann' }), { actor: ann })
  await first.settle()
  const stopped = new Promise<void>((resolve, reject) => {
    stop = () => void first.stop({ keepStore: true }).then(resolve, reject)
  })
  const idle = openFollowed(given)
  await openWithDeposits(idle, 'a', 1)
  await stopped
  await payIn(idle, 'a', 2)
  const second = openFollowed(given, { projections: [sums] })
  await second.settle()
  assert.deepEqual(await second.view(sums as never).get('a'), { sum: 3, count: 2 })
})

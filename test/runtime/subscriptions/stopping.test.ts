/** The end of an app that follows the log: whatever the store says, it ends, and leaves nothing running. */
import assert from 'node:assert/strict'
import { StoreUnavailableError } from '../../../src/core/errors.ts'
import type { TestClock } from '../../../src/testing/index.ts'
import { onEveryStore } from '../on-every-store.ts'
import { quietly } from '../quietly.ts'
import { appendDeposits, noting, openFollowed, workInFrontOf } from './follow.ts'

onEveryStore('an app stops although the store cannot be reached any more, and its parts are free after a lease', async (given) => {
  let isGone = false
  const reach = () => {
    if (isGone) throw new StoreUnavailableError('test', 'It was switched off.')
  }
  const store = workInFrontOf(given.store, {
    async leave(owner) {
      reach()
      return given.store.work.leave(owner)
    },
    async commit(works) {
      reach()
      return given.store.work.commit(works)
    },
  })
  const [first, second] = [noting(), noting()]
  const app = openFollowed(given, { store, handlers: [first.handler] })
  await app.start()
  isGone = true
  await quietly(() => app.stop({ keepStore: true }))
  await appendDeposits(given.store, 2)
  const other = openFollowed(given, { handlers: [second.handler] })
  for (let third = 0; third < 6; third++) {
    await other.settle()
    await given.clock.advance({ milliseconds: 3400 })
  }
  assert.deepEqual([first.amounts, second.amounts], [[], [1, 2]])
})

onEveryStore('an app that has stopped leaves no timer behind, however many looks were under way', async (given) => {
  let running = 0
  const clock: TestClock = {
    ...given.clock,
    after(ms, callback, isKeeping) {
      let isRunning = true
      const end = () => {
        if (isRunning) running--
        isRunning = false
      }
      running++
      const cancel = given.clock.after(
        ms,
        () => {
          end()
          callback()
        },
        isKeeping,
      )
      return () => {
        end()
        cancel()
      }
    },
  }
  const app = openFollowed({ ...given, clock }, { handlers: [noting().handler] })
  await app.start()
  const before = running
  assert.ok(before > 0)
  const looks = given.clock.advance({ milliseconds: 3400 })
  const leases = given.store.work.parts().then((parts) => given.store.work.acquire('somebody else', parts))
  await Promise.all([looks, leases])
  await given.clock.advance({ milliseconds: 3400 })
  await app.settle()
  await app.stop({ keepStore: true })
  assert.equal(running, 0)
})

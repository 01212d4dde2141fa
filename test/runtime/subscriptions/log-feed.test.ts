/** What a process keeps of the log for those who follow it: less when memory gets scarce, and never less than what is asked for. */
import assert from 'node:assert/strict'
import type { PressureLevel } from '../../../src/core/observer.ts'
import { toSettings } from '../../../src/runtime/settings.ts'
import { watchMemory } from '../../../src/runtime/state/memory-pressure.ts'
import { makeLogFeed } from '../../../src/runtime/subscription/log-feed.ts'
import { inFrontOf } from '../in-front-of.ts'
import { onEveryStore } from '../on-every-store.ts'
import { appendDeposits, noting, openFollowed, range } from './follow.ts'

const types = new Set(['MoneyDeposited'])

onEveryStore('under memory pressure fewer events are kept at once, and who wants the others gets them from the store', async (given) => {
  let asked = 0
  const store = inFrontOf(given.store, {
    readAll(options) {
      if (options?.query) asked++
      return given.store.readAll(options)
    },
  })
  let usedBytes = 0
  const memory = watchMemory(toSettings({}), undefined, given.clock, () => ({ usedBytes, limitBytes: 100 }))
  memory.start()
  const become = async (level: PressureLevel) => {
    usedBytes = { normal: 0, elevated: 75, critical: 90 }[level]
    await given.clock.advance({ seconds: 10 })
    assert.equal(memory.level, level)
  }
  const failures: unknown[] = []
  const feed = makeLogFeed(store, memory, (error) => failures.push(error))
  const { signal } = new AbortController()
  /** Where the next events begin, and who has answered. */
  const next = async (after: number) => {
    const before = asked
    const reader = feed.reader(types)
    const page = await reader.next(after, signal)
    await reader.close()
    return [page?.events[0]?.position, asked > before ? 'store' : 'memory']
  }
  let head = 0
  const append = async (count: number) => {
    await appendDeposits(given.store, count, ['a'], head + 1)
    head += count
    while (feed.head < head) await feed.reader(types).next(head - 1, signal)
  }
  try {
    for (let n = 0; n < 7; n++) await append(500)
    assert.deepEqual(await next(100), [101, 'memory'])
    await become('elevated')
    assert.deepEqual(
      [await next(1499), await next(1500)],
      [
        [1500, 'store'],
        [1501, 'memory'],
      ],
    )
    await become('critical')
    assert.deepEqual(
      [await next(3099), await next(3100)],
      [
        [3100, 'store'],
        [3101, 'memory'],
      ],
    )
    for (let n = 0; n < 5; n++) await append(200)
    assert.deepEqual(
      [await next(3500), await next(4400)],
      [
        [3501, 'store'],
        [4401, 'memory'],
      ],
    )
    await become('normal')
    for (let n = 0; n < 5; n++) await append(500)
    assert.deepEqual(
      [await next(4200), await next(3000)],
      [
        [4201, 'memory'],
        [3001, 'store'],
      ],
    )
    assert.deepEqual(failures, [])
  } finally {
    feed.close()
    memory.stop()
  }
})

onEveryStore('an app under pressure follows the log as any other', async (given) => {
  let usedBytes = 0
  const { amounts, handler } = noting()
  const levels: string[] = []
  const app = openFollowed(given, {
    handlers: [handler],
    heap: () => ({ usedBytes, limitBytes: 100 }),
    onMemoryPressure: ({ level }) => levels.push(level),
  })
  await app.start()
  for (const [i, bytes] of [0, 90, 75, 0].entries()) {
    usedBytes = bytes
    await given.clock.advance({ seconds: 10 })
    await appendDeposits(given.store, 500, ['a'], 1 + 500 * i)
    await app.settle()
  }
  assert.deepEqual([amounts, levels], [range(1, 2000), ['critical', 'elevated', 'normal']])
})

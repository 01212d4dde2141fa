/** What is asked of a store while nothing happens: as much for many async projections as for one. */
import assert from 'node:assert/strict'
import type { EventStore } from '../../../src/core/event-store.ts'
import { projection } from '../../../src/index.ts'
import { MoneyDeposited } from '../../domain/bank.ts'
import { inFrontOf } from '../in-front-of.ts'
import { onEveryStore } from '../on-every-store.ts'
import { appendDeposits, leasesPass, openFollowed, range } from './follow.ts'

const countOf = (name: string) =>
  projection(name, {
    events: [MoneyDeposited],
    consistency: 'async',
    key: ({ subject }) => subject,
    initial: () => ({ count: 0 }),
    evolve: { MoneyDeposited: ({ count }) => ({ count: count + 1 }) },
  })

/** A store that counts the calls of what it keeps of work and of views. */
function counted(store: EventStore) {
  const calls: Record<string, number> = {}
  const counting = <T extends object>(part: T): T =>
    new Proxy(part, {
      get(target, name) {
        calls[String(name)] = (calls[String(name)] ?? 0) + 1
        return Reflect.get(target, name, target)
      },
    })
  return { store: inFrontOf(store, { work: counting(store.work), views: counting(store.views) }), calls }
}

onEveryStore('an app that has nothing to do asks its store as often with fifty async projections as with one', async (given) => {
  await appendDeposits(given.store, 3)
  const asked: Record<string, number>[] = []
  for (const count of [1, 50]) {
    const { store, calls } = counted(given.store)
    const app = openFollowed(given, { store, projections: range(1, count).map((n) => countOf(`count-${count}-${n}`)) })
    await app.settle()
    for (const name of Object.keys(calls)) delete calls[name]
    await leasesPass(given, [app], 2)
    await app.stop({ keepStore: true })
    const { commit: _, release: __, ...questions } = calls // how steps share commits is a matter of moments
    asked.push(questions)
  }
  assert.ok((asked[0]?.['beat'] ?? 0) >= 6, JSON.stringify(asked[0]))
  assert.deepEqual(asked[1], asked[0])
})

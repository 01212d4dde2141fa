/** Stores that are broken on purpose: programs that let one of them pass prove nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppendRequest } from '../../../src/core/event-store.ts'
import { testClock } from '../../../src/testing/test-clock.ts'
import { appends, type Flaw, firstViolation, snapshots, without } from '../flaws.ts'
import { programs } from '../programs.ts'
import { runStoreProgram } from './run-store-program.ts'
import { storeSteps } from './store-steps.ts'

/** Work that never rejects, so that what it is a part of goes on; `outcomeOf` rejects for it later. */
const settled = async <T>(work: () => Promise<T>): Promise<PromiseSettledResult<T>> => (await Promise.allSettled([work()]))[0]
function outcomeOf<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason
  return result.value
}

let made = 0
const renamed = (request: AppendRequest): AppendRequest => ({
  ...request,
  events: request.events.map((event) => ({ ...event, id: `ffffffff-0000-7000-8000-${String(++made).padStart(12, '0')}` })),
})

const flaws: Readonly<Record<string, Flaw>> = {
  'forgets conditions': without('condition'),
  'forgets the types of a condition': appends(({ condition, ...request }) =>
    condition ? { ...request, condition: { ...condition, query: condition.query.map(({ types: _, ...item }) => item) } } : request,
  ),
  'forgets what a request follows': without('follows'),
  'forgets what a row follows': appends(({ views, ...request }) =>
    views ? { ...request, views: views.map(({ follows: _, ...row }) => row) } : request,
  ),
  'forgets checks': without('checks'),
  'lets every request of a group win or lose alone': without('atomicGroup'),
  'forgets outcomes without events': appends(({ idempotency, ...request }) =>
    idempotency && request.events.length > 0 ? { ...request, idempotency } : request,
  ),
  'keeps an outcome for too long': appends(({ idempotency, ...request }) =>
    idempotency ? { ...request, idempotency: { ...idempotency, expiresAt: idempotency.expiresAt + 1000 } } : request,
  ),
  'writes a repeated append a second time': (store) => ({
    async append(requests) {
      const results = await store.append(requests)
      const repeated = requests.filter((_, i) => results[i]!.kind === 'duplicate')
      await store.append(repeated.map(({ tenant = '', stream, events }) => renamed({ tenant, stream, events, expectedVersion: 'any' })))
      return results
    },
  }),
  'keeps the first tag of an event': appends((request) => ({
    ...request,
    events: request.events.map((event) => ({ ...event, tags: event.tags.slice(0, 1) })),
  })),
  'finds the snapshots of another tenant': snapshots((real) => ({
    latest: async (tenant, ...given) => (await real.latest(tenant, ...given)) ?? real.latest(tenant === '' ? 'acme' : '', ...given),
  })),
  'keeps one snapshot too many': snapshots((real) => ({ save: (tenant, stream, one, keep) => real.save(tenant, stream, one, keep + 1) })),
  'deletes snapshots of every build': snapshots((real) => ({ delete: (tenant, stream, version) => real.delete(tenant, stream, version) })),
  'commits a transaction that is undone': (store) => ({
    transaction: async (work) => outcomeOf(await store.transaction!((transaction) => settled(() => work(transaction)))),
  }),
  'keeps a savepoint that is undone': (store) => ({
    transaction: (work) =>
      store.transaction!((transaction) =>
        work({ ...transaction, savepoint: async (part) => outcomeOf(await transaction.savepoint(() => settled(part))) }),
      ),
  }),
  'reads a stream of every tenant as one': (store) => ({
    readStream: (stream, { tenant: _, ...options } = {}) => store.readStream(stream, options),
  }),
  'claims the head as the position of every page': (store) => ({
    async *readAll(options = {}) {
      for await (const page of store.readAll(options)) yield options.backwards ? page : { ...page, position: await store.head() }
    },
  }),
  'counts the limit of a read before its filter': (store) => ({
    async *readAll({ category, ...options } = {}) {
      for await (const { events, position } of store.readAll(options)) {
        yield { position, events: events.filter(({ stream }) => category === undefined || stream.startsWith(`${category}-`)) }
      }
    },
  }),
}

const violation = (flaw: Flaw) =>
  firstViolation(flaw, programs(storeSteps, 30), async (open, program) => {
    const clock = testClock()
    await runStoreProgram(open(clock), clock, program)
  })

test('programs have nothing against a store that is wrapped and not broken', async () => {
  assert.equal(await violation(() => ({})), null)
})

for (const [sentence, flaw] of Object.entries(flaws)) {
  test(`programs notice a store that ${sentence}`, async () => {
    assert.ok((await violation(flaw)) instanceof assert.AssertionError)
  })
}

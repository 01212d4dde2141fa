/** Stores that are broken on purpose: a contract that lets one of them pass proves nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ViewSetChangedError } from '../../src/core/errors.ts'
import type { AppendRequest, EventStore, ReadAllOptions } from '../../src/core/event-store.ts'
import { matches } from '../../src/core/query.ts'
import type { LogPage, StoredEvent } from '../../src/core/stored-event.ts'
import { memory } from '../../src/stores/memory/memory.ts'
import type { ContractCase, Need } from '../../src/testing/contract/contract-case.ts'
import { ContractViolation } from '../../src/testing/contract/expect.ts'
import { runCase, storeContract } from '../../src/testing/store-contract.ts'
import { workFlaws } from './work-flaws.ts'

type Break = (store: EventStore) => Partial<EventStore>

/** Appends something else than what was asked for. */
const appends =
  (change: (request: AppendRequest, store: EventStore) => AppendRequest | Promise<AppendRequest>): Break =>
  (store) => ({
    append: async (requests) => store.append(await Promise.all(requests.map((request) => change(request, store)))),
  })

/** Hands out other events than those that it has. */
const readsLog = (change: (events: readonly StoredEvent[], options: ReadAllOptions) => readonly StoredEvent[]): Break => {
  return (store) => ({
    async *readAll(options = {}) {
      for await (const { events, position } of store.readAll(options)) yield { position, events: change(events, options) }
    },
  })
}

let made = 0
const newId = () => `0190ffff-0000-7000-8000-${(++made).toString().padStart(12, '0')}`
const without = (member: keyof AppendRequest) => appends(({ [member]: _, ...request }) => request as AppendRequest)

/** The flaw, the line or part of the contract that must notice it, and how it comes about. */
const flaws: readonly (readonly [sentence: string, noticedBy: number | string, flaw: Break])[] = [
  ['ignores the expected version', 4, appends((request) => ({ ...request, expectedVersion: 'any' }))],
  [
    'takes a missing stream for an existing one',
    2,
    appends((request) => (request.expectedVersion === 'exists' ? { ...request, expectedVersion: 'any' } : request)),
  ],
  [
    'loses the last event of a batch',
    3,
    appends((request) => ({ ...request, events: request.events.slice(0, Math.max(1, request.events.length - 1)) })),
  ],
  [
    'stores a repeated append again',
    9,
    appends((request) => ({ ...request, events: request.events.map((event) => ({ ...event, id: newId() })) })),
  ],
  ['ignores atomic groups', 12, without('atomicGroup')],
  ['ignores checks on other streams', 13, without('checks')],
  [
    'forgets when an imported event happened',
    19,
    appends((request) => ({ ...request, events: request.events.map(({ occurredAt: _, ...event }) => event) })),
  ],
  ['ignores conditions', 104, without('condition')],
  [
    'keeps one tag of each event',
    104,
    appends((request) => ({ ...request, events: request.events.map((event) => ({ ...event, tags: event.tags.slice(0, 1) })) })),
  ],
  ['ignores idempotency keys', 'idempotency', without('idempotency')],
  ['puts all tenants into one world', 'tenants', appends((request) => ({ ...request, tenant: '' }))],
  ['ignores the tenant of a read', 'tenants', (store) => ({ readAll: ({ tenant: _, ...options } = {}) => store.readAll(options) })],
  [
    'sets rows without comparing',
    'views',
    appends(async (request, store) => ({
      ...request,
      ...(request.views && {
        views: await Promise.all(
          request.views.map(async (one) => ({
            ...one,
            expectedRowVersion: (await store.views.get('', one.view, one.key))?.rowVersion ?? 0,
          })),
        ),
      }),
    })),
  ],
  [
    'lists rows without the cursor',
    'views',
    (store) => ({
      views: { ...store.views, list: (tenant, view, question) => store.views.list(tenant, view, { ...question, after: undefined }) },
    }),
  ],
  ['ignores which views appends keep', 'views', without('viewEpoch')],
  [
    'asks for the kept views before it looks at what it knows',
    'views',
    (store) => ({
      async append(requests) {
        const { epoch } = await store.views.kept()
        return requests.some(({ viewEpoch = epoch }) => viewEpoch !== epoch)
          ? requests.map(({ stream }) => ({ kind: 'refused', error: new ViewSetChangedError(stream) }) as const)
          : store.append(requests)
      },
    }),
  ],
  [
    'registers a changed fold without a word',
    'views',
    (store) => ({ views: { ...store.views, kept: async () => ({ ...(await store.views.kept()), epoch: 0 }) } }),
  ],
  [
    'counts every rebuild as a change',
    'views',
    (store) => {
      let rebuilt = 0
      return {
        append: (requests) =>
          store.append(requests.map((one) => (one.viewEpoch === undefined ? one : { ...one, viewEpoch: one.viewEpoch - rebuilt }))),
        views: {
          ...store.views,
          kept: async () => ({ ...(await store.views.kept()), epoch: (await store.views.kept()).epoch + rebuilt }),
          rebuild: async (definition, build) => {
            await store.views.rebuild(definition, build)
            rebuilt++
          },
        },
      }
    },
  ],
  [
    'registers a view after it was built',
    'views',
    (store) => ({
      views: {
        ...store.views,
        async rebuild(definition, build) {
          const pages: LogPage[] = []
          for await (const page of store.readAll()) pages.push(page)
          await new Promise((resolve) => setTimeout(resolve, 5))
          const rows = await build(
            (async function* () {
              yield* pages
            })(),
          )
          await store.views.rebuild(definition, async () => rows)
        },
      },
    }),
  ],
  [
    'leaves the rows of a retired view',
    'views',
    (store) => {
      const rows = new Map<string, Awaited<ReturnType<typeof store.views.get>>>()
      return {
        views: {
          ...store.views,
          get: async (tenant, view, key, generation) =>
            rows.get(`${tenant} ${view} ${key}`) ?? store.views.get(tenant, view, key, generation),
          async retire(view) {
            for (const tenant of ['', 'acme']) rows.set(`${tenant} ${view} 1`, await store.views.get(tenant, view, '1'))
            await store.views.retire(view)
          },
        },
      }
    },
  ],
  [
    'keeps one snapshot, whatever was asked',
    'snapshots',
    (store) => ({ snapshots: { ...store.snapshots, save: (tenant, stream, one) => store.snapshots.save(tenant, stream, one, 1) } }),
  ],
  ['uses a position twice', 31, readsLog((events) => events.map((event) => ({ ...event, position: Math.ceil(event.position / 2) })))],
  [
    'sorts names by UTF-16 unit',
    47,
    (store) => ({ listStreams: async (options) => (await store.listStreams(options)).toSorted((a, b) => (a.stream < b.stream ? -1 : 1)) }),
  ],
  ['lets recordedAt fall', 19, readsLog((events) => events.map((event) => ({ ...event, recordedAt: event.recordedAt - event.position })))],
  ['skips an event now and then', 31, readsLog((events) => events.filter(({ position }) => position % 7 !== 0))],
  ['ignores the filter', 32, (store) => ({ readAll: ({ query: _, category: __, ...options } = {}) => store.readAll(options) })],
  [
    'counts the limit before the filter',
    45,
    (store) => ({
      async *readAll({ query = [], ...options } = {}) {
        for await (const page of store.readAll(options)) yield { ...page, events: page.events.filter((event) => matches(query, event)) }
      },
    }),
  ],
  [
    'claims a bound as a position',
    37,
    (store) => ({
      async *readAll(options = {}) {
        for await (const page of store.readAll(options)) yield { ...page, position: options.to ?? page.position }
      },
    }),
  ],
  [
    'claims the head of now for a page of before',
    37,
    (store) => ({
      async *readAll(options = {}) {
        for await (const page of store.readAll(options)) yield { ...page, position: await store.head() }
      },
    }),
  ],
  [
    'delivers the event at the lower bound again',
    38,
    (store) => ({ readAll: ({ after = 0, ...options } = {}) => store.readAll({ ...options, after: Math.max(0, after - 1) }) }),
  ],
  [
    'reads a stream without its upper bound',
    41,
    (store) => ({ readStream: (stream, { to: _, ...options } = {}) => store.readStream(stream, options) }),
  ],
  [
    'reads in one page whatever the size',
    43,
    (store) => ({ readStream: (stream, { pageSize: _, ...options } = {}) => store.readStream(stream, options) }),
  ],
  [
    'finds nothing by correlation id',
    48,
    (store) => ({
      readAll: (options = {}) => store.readAll('correlationId' in options ? { ...options, query: [{ types: ['Nothing'] }] } : options),
    }),
  ],
  [
    'lists streams without their category',
    47,
    (store) => ({ listStreams: ({ category: _, ...options } = {}) => store.listStreams(options) }),
  ],
  [
    'refuses the neighbours of what it refuses',
    8,
    (store) => ({
      async append(requests) {
        const results = await store.append(requests.map((request) => ({ atomicGroup: 'all', ...request })))
        return results
      },
    }),
  ],
  [
    'commits a transaction that fails',
    26,
    (store) => ({
      async transaction(work) {
        const outcome = await store.transaction!(async (transaction) => {
          try {
            return { value: await work(transaction) }
          } catch (error) {
            return { error }
          }
        })
        if ('error' in outcome) throw outcome.error
        return outcome.value
      },
    }),
  ],
  [
    'accepts appends after it was closed',
    25,
    (store) => {
      const after = memory()
      let closed = false
      return {
        append: (requests) => (closed ? after : store).append(requests),
        async close() {
          closed = true
          await store.close()
        },
      }
    },
  ],
]

/** A broken memory store; its cases are those that it could pass if it were whole. */
const subject = (flaw: Break) => ({
  name: 'broken',
  open({ clock }: { readonly clock: { now(): number } }) {
    const store: EventStore = memory({ clock })
    return { store: { ...store, ...flaw(store) } }
  },
})
const there: readonly Need[] = ['transactions', 'conditions', 'push', 'totalOrder', 'clock', 'emptyStore', 'parallelReads']
const runnable = storeContract.filter(({ needs = [] }) => needs.every((need) => there.includes(need)))

/** What the contract has against a store, by the name of the case; an error that is not the contract's own is thrown. */
async function violations(flaw: Break, cases: readonly ContractCase[]): Promise<readonly string[]> {
  const failed: string[] = []
  for (const one of cases) {
    try {
      await runCase(subject(flaw), one, false)
    } catch (error) {
      if (!(error instanceof ContractViolation)) throw error
      failed.push(one.name)
    }
  }
  return failed
}

test('the contract has nothing against a store that is wrapped and not broken', async () => {
  assert.deepEqual(await violations(() => ({}), runnable), [])
})

const isAsked = (noticedBy: number | string) => {
  return ({ part, lines }: ContractCase) => (typeof noticedBy === 'number' ? lines.includes(noticedBy) : part === noticedBy)
}

for (const [sentence, noticedBy, flaw] of flaws) {
  test(`the contract notices a store that ${sentence}`, async () => {
    assert.notDeepEqual(await violations(flaw, runnable.filter(isAsked(noticedBy))), [])
  })
}

for (const [sentence, part, noticedBy, flaw] of workFlaws) {
  test(`the contract notices a store that ${sentence}`, async () => {
    const failed = await violations(flaw, runnable.filter(isAsked(part)))
    assert.ok(
      failed.some((name) => noticedBy.test(name)),
      failed.join('; ') || 'nothing was noticed',
    )
  })
}

test('no part of the contract is without a flaw that it notices, and neither is a case about generations', () => {
  const asked = [...flaws.map(([, noticedBy]) => noticedBy), ...workFlaws.map(([, part]) => part)].map(isAsked)
  const partsOf = (cases: readonly ContractCase[]) => [...new Set(cases.map(({ part }) => part))]
  assert.deepEqual(partsOf(storeContract.filter((one) => asked.some((isIts) => isIts(one)))), partsOf(storeContract))
  const generations = storeContract.filter(({ part }) => part === 'generations').map(({ name }) => name)
  assert.deepEqual(
    generations.filter((name) => !workFlaws.some(([, , noticedBy]) => noticedBy.test(name))),
    [],
  )
})

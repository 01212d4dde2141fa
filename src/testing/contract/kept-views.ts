/** The views that appends keep: known to the store with an epoch, compared in each append, so that nobody leaves holes in them. */
import type { AppendResult, EventStore } from '../../core/event-store.ts'
import type { ViewDefinition } from '../../core/view-store.ts'
import { amountOf, balance, built, set } from './balances.ts'
import { append, deposits, gate, range, streamOf, to, turn } from './bank.ts'
import { inPart } from './contract-case.ts'
import { expectAppended, expectDuplicate, expectEqual, expectRefused, expectThrown, expectTrue } from './expect.ts'

const balances: ViewDefinition = { view: 'balances', indexes: {}, fingerprint: 'fold-1', types: ['MoneyDeposited', 'MoneyWithdrawn'] }
const epochOf = async (store: EventStore): Promise<number> => (await store.views.kept()).epoch
const rebuild = (store: EventStore, definition: ViewDefinition) => store.views.rebuild(definition, async () => [])
const viewOf = async (store: EventStore, name: string) => (await store.views.kept()).views.filter(({ view }) => view === name)

/** Registers the view in different ways, and tells what epoch each of them leads to. */
const changes = (
  definition: ViewDefinition,
): readonly (readonly [rises: boolean, what: string, (store: EventStore) => Promise<void>])[] => [
  [true, 'a new view', (store) => rebuild(store, definition)],
  [false, 'the same one again', (store) => rebuild(store, { ...definition, types: [...(definition.types ?? [])].reverse() })],
  [false, 'one that somebody else keeps', (store) => store.views.define({ view: 'beside', indexes: {}, fingerprint: 'x' })],
  [true, 'another fold', (store) => rebuild(store, { ...definition, fingerprint: 'fold-2' })],
  [true, 'other types', (store) => rebuild(store, { ...definition, fingerprint: 'fold-2', types: ['MoneyDeposited'] })],
  [false, 'a view to retire that appends do not keep', (store) => store.views.retire('beside')],
  [true, 'one that is retired', (store) => store.views.retire(definition.view)],
  [false, 'one that is retired again', (store) => store.views.retire(definition.view)],
  [true, 'one that comes back', (store) => rebuild(store, definition)],
]

/** A request, and what it must come to when it was checked against an outdated set. */
const outdated = async (store: EventStore, request: Partial<Parameters<typeof to>[2]>): Promise<AppendResult> => {
  const viewEpoch = await epochOf(store)
  await rebuild(store, { ...balances, fingerprint: `fold-after-${viewEpoch}` })
  return append(store, to('account-1', deposits(1), { viewEpoch, ...request }))
}

export const keptViewCases = inPart('views', [
  {
    lines: [],
    name: 'the epoch of the kept views rises when one of them is new, changed or retired, and with nothing else',
    async run(store) {
      let before = await epochOf(store)
      for (const [rises, what, change] of changes(balances)) {
        await change(store)
        const epoch = await epochOf(store)
        expectTrue(rises ? epoch > before : epoch === before, `the epoch ${rises ? 'rises' : 'stays'} with ${what}`)
        before = epoch
      }
    },
  },
  {
    lines: [],
    name: 'kept views are told with their fold and their types, those of nobody or of somebody else are not',
    async run(store) {
      await rebuild(store, balances)
      await rebuild(store, { view: 'any', indexes: {}, fingerprint: 'fold-7' })
      await store.views.define({ view: 'beside', indexes: {}, fingerprint: 'x' })
      expectEqual(await viewOf(store, 'balances'), [{ view: 'balances', fingerprint: 'fold-1', types: balances.types }], 'the view')
      expectEqual(await viewOf(store, 'any'), [{ view: 'any', fingerprint: 'fold-7' }], 'the view of any types')
      expectEqual(await viewOf(store, 'beside'), [], 'the view of somebody else')
    },
  },
  {
    lines: [],
    name: 'an append that was checked against the kept views of now is written, one against older ones is refused',
    async run(store) {
      await rebuild(store, balances)
      const viewEpoch = await epochOf(store)
      expectAppended(await append(store, to('account-1', deposits(1), { viewEpoch, views: [balance('1', 0, 1)] })))
      const refusal = expectRefused(await outdated(store, { views: [balance('1', 1, 2)] }), 'ES_VIEW_SET_CHANGED')
      expectTrue(refusal.retryable, 'it is worth a retry')
      expectEqual((await streamOf(store, 'account-1')).length, 1, 'how many events there are')
      expectEqual(await amountOf(store, '1'), [null, 2], 'the row')
    },
  },
  {
    lines: [],
    name: 'an append that names no epoch of the kept views is not compared with them',
    async run(store) {
      expectAppended(await outdated(store, { viewEpoch: undefined as never }))
    },
  },
  {
    lines: [],
    name: 'a remembered outcome and known events answer, however outdated the kept views are',
    async run(store) {
      const idempotency = { key: 'k', hash: 'h', outcome: '1', expiresAt: Number.MAX_SAFE_INTEGER }
      const viewEpoch = await epochOf(store)
      const request = to('account-1', deposits(2), { viewEpoch })
      expectAppended(await append(store, request))
      expectAppended(await append(store, to('account-2', deposits(1), { viewEpoch, idempotency })))
      await rebuild(store, balances)
      expectDuplicate(await append(store, request))
      expectEqual((await append(store, to('account-2', deposits(1), { viewEpoch, idempotency }))).kind, 'remembered', 'the answer')
    },
  },
  {
    lines: [],
    name: 'among requests of one call, each is compared with the kept views on its own',
    async run(store) {
      const before = await epochOf(store)
      await rebuild(store, balances)
      const now = await epochOf(store)
      const epochs = [now, before, undefined, now, before, now]
      const results = await store.append(
        epochs.map((viewEpoch, i) => to(`account-${i}`, deposits(1), viewEpoch === undefined ? {} : { viewEpoch })),
      )
      for (const [i, result] of results.entries())
        if (epochs[i] === before) expectRefused(result, 'ES_VIEW_SET_CHANGED')
        else expectAppended(result)
    },
  },
  {
    lines: [],
    name: 'of a group nothing is written when one of it was checked against older kept views',
    async run(store) {
      const viewEpoch = await epochOf(store)
      await rebuild(store, balances)
      const group = { atomicGroup: 'g' }
      const requests = [to('account-1', deposits(1), group), to('account-2', deposits(1), { ...group, viewEpoch })]
      for (const result of await store.append(requests)) expectRefused(result, 'ES_VIEW_SET_CHANGED')
      expectEqual((await streamOf(store, 'account-1')).length, 0, 'how many events there are')
    },
  },
  {
    lines: [],
    name: 'a request without events is compared with the kept views, too',
    async run(store) {
      expectRefused(await outdated(store, { events: [], views: [balance('1', 0, 1)] }), 'ES_VIEW_SET_CHANGED')
      expectEqual(await amountOf(store, '1'), undefined, 'the row')
    },
  },
  {
    lines: [],
    name: 'every append while a view is built is either in the log that it is built from, or was checked after it',
    async run(store) {
      for (const round of range(1, 5)) {
        const before = await epochOf(store)
        const stream = `account-${round}`
        const appending = range(1, 30).map(async (n) => {
          for (let i = 0; i < n % 7; i++) await turn()
          return append(store, to(stream, deposits(1), { viewEpoch: before }))
        })
        let seen = 0
        await store.views.rebuild({ ...balances, fingerprint: `round-${round}` }, async (log) => {
          for await (const page of log) seen += page.events.filter((event) => event.stream === stream).length
          return [built('all', seen)]
        })
        const results = await Promise.all(appending)
        const written = results.filter(({ kind }) => kind === 'appended').length
        for (const result of results) if (result.kind !== 'appended') expectRefused(result, 'ES_VIEW_SET_CHANGED')
        expectEqual(seen, written, 'how many events the build was given')
      }
    },
  },
  {
    lines: [],
    needs: ['transactions'],
    name: 'a transaction is compared with the kept views at each append, and goes on when it has read them again',
    async run(store) {
      const before = await epochOf(store)
      await rebuild(store, balances)
      await store.transaction!(async (transaction) => {
        expectRefused(await transaction.append(to('account-1', deposits(1), { viewEpoch: before })), 'ES_VIEW_SET_CHANGED')
        const { epoch, views } = await transaction.views.kept()
        expectEqual(
          views.filter(({ view }) => view === 'balances').map(({ fingerprint }) => fingerprint),
          ['fold-1'],
          'the folds of the view inside',
        )
        expectAppended(await transaction.append(to('account-1', deposits(1), { viewEpoch: epoch })))
      })
      expectEqual((await streamOf(store, 'account-1')).length, 1, 'how many events there are')
    },
  },
  {
    lines: [],
    needs: ['transactions'],
    name: 'what an open transaction has appended is in the log that a view is built from',
    async run(store) {
      const [appended, end] = [gate(), gate()]
      const viewEpoch = await epochOf(store)
      const open = store.transaction!(async (transaction) => {
        expectAppended(await transaction.append(to('account-1', deposits(2), { viewEpoch })))
        appended.open()
        await end.opened
      })
      await appended.opened
      let seen = 0
      const building = store.views.rebuild(balances, async (log) => {
        for await (const page of log) seen += page.events.filter(({ stream }) => stream === 'account-1').length
        return []
      })
      for (const _ of range(1, 20)) await turn()
      end.open()
      await Promise.all([open, building])
      expectEqual(seen, 2, 'how many events the build was given')
    },
  },
  {
    lines: [],
    name: 'a view that is retired is forgotten with its rows, and row versions go on counting when it comes back',
    async run(store) {
      await store.views.rebuild({ ...balances, indexes: { balance: 'number' } }, async () => [
        built('1', 5),
        { ...built('1', 6), tenant: 'acme' },
      ])
      await store.views.retire('balances')
      expectEqual([await viewOf(store, 'balances'), await amountOf(store, '1')], [[], [null, 2]], 'what is left of the view')
      expectEqual((await store.views.get('acme', 'balances', '1'))?.row, null, 'the row of another tenant')
      expectEqual(
        (await store.views.defined()).filter(({ view }) => view === 'balances'),
        [],
        'the definitions',
      )
      await store.views.rebuild(balances, async () => [built('1', 7)])
      expectEqual(await amountOf(store, '1'), [7, 3], 'the row of now')
      expectRefused(await set(store, balance('1', 1, 99)), 'ES_VIEW_CONFLICT')
    },
  },
  {
    lines: [],
    needs: ['transactions', 'sql'],
    name: 'a transaction registers a view that it makes itself, and nothing is registered when it is undone',
    async run(store) {
      const tables = { ...balances, view: 'tables' }
      const before = await epochOf(store)
      const undone = store.transaction!(async (transaction) => {
        await transaction.views.keep(tables)
        throw new Error('on purpose')
      })
      await undone.catch((error) => expectEqual(error.message, 'on purpose', 'why it was undone'))
      expectEqual([await epochOf(store), await viewOf(store, 'tables')], [before, []], 'what was undone')
      await store.transaction!((transaction) => transaction.views.keep(tables))
      expectEqual((await viewOf(store, 'tables')).length, 1, 'how many views there are')
      expectRefused(await append(store, to('account-1', deposits(1), { viewEpoch: before })), 'ES_VIEW_SET_CHANGED')
    },
  },
  {
    lines: [],
    needs: ['transactions', 'sql'],
    name: 'while a transaction registers a view, every append is either in the log that it reads, or was checked after it',
    async run(store) {
      const before = await epochOf(store)
      const appending = range(1, 30).map(async (n) => {
        for (let i = 0; i < n % 7; i++) await turn()
        return append(store, to('account-1', deposits(1), { viewEpoch: before }))
      })
      let seen = 0
      await store.transaction!(async (transaction) => {
        await transaction.views.keep({ ...balances, view: 'tables' })
        for await (const page of transaction.readAll()) seen += page.events.filter(({ stream }) => stream === 'account-1').length
      })
      const written = (await Promise.all(appending)).filter(({ kind }) => kind === 'appended').length
      expectEqual(seen, written, 'how many events the transaction has read')
    },
  },
  {
    lines: [],
    name: 'nothing is told about kept views once the store is closed, and none is retired',
    async run(store) {
      await store.close()
      await expectThrown(() => store.views.kept(), 'ES_STOPPED')
      await expectThrown(() => store.views.retire('balances'), 'ES_STOPPED')
    },
  },
])

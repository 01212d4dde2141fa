/** What can be wrong with a store's work and with its generations of rows, on purpose. */
import type { EventStore } from '../../src/core/event-store.ts'
import type { Work, WorkStore } from '../../src/core/work-store.ts'
import { underAnyLease } from '../property/flaws.ts'

type Break = (store: EventStore) => Partial<EventStore>

const works = (change: (work: WorkStore, store: EventStore) => Partial<WorkStore>): Break => {
  return (store) => ({ work: { ...store.work, ...change(store.work, store) } })
}
const commits = (change: (given: Work) => Work): Break => works((work) => ({ commit: (given) => work.commit(given.map(change)) }))
const aTurn = () => new Promise((resolve) => setImmediate(resolve))

/** The flaw, the part of the contract that must notice it, a part of the name of the case that does, and how it comes about. */
export const workFlaws: readonly (readonly [sentence: string, part: string, noticedBy: RegExp, flaw: Break])[] = [
  [
    'lets everybody write, whoever has the part',
    'work',
    /who has lost a part writes nothing/,
    works((work) => ({ commit: underAnyLease(work) })),
  ],
  [
    'writes the records of work that it refuses',
    'work',
    /who has lost a part writes nothing/,
    works((work) => ({
      async commit(given) {
        await work.commit(given.map(({ records = [] }) => ({ records })))
        return work.commit(given)
      },
    })),
  ],
  [
    'sets records without comparing',
    'work',
    /record that was changed since it was read/,
    commits(({ records = [], ...given }) => ({ ...given, records: records.map(({ expectedRevision: _, ...record }) => record) })),
  ],
  ['leaves out the rows of work', 'work', /rows that work has written/, commits(({ rows: _, ...given }) => given)],
  [
    'finds records of every slot',
    'work',
    /found by kind, owner, tenant, status and slot/,
    works((work) => ({ records: ({ slots: _, ...question }) => work.records(question) })),
  ],
  [
    'tells what is due by name',
    'work',
    /due come in the order of their time/,
    works((work) => ({
      records: async (question) => (await work.records(question)).toSorted((left, right) => (left.key < right.key ? -1 : 1)),
    })),
  ],
  ['lets go of nothing', 'work', /let go belongs to nobody/, works(() => ({ release: async () => {} }))],
  [
    'switches for whoever has lost the part',
    'generations',
    /who has lost a part switches nothing/,
    commits((given) => (given.switches ? { ...given, steps: [] } : given)),
  ],
  [
    'switches, and keeps the definition of before',
    'generations',
    /with its definition/,
    commits((given) => (given.switches ? { ...given, switches: given.switches.map((one) => ({ ...one, fingerprint: 'fold-1' })) } : given)),
  ],
  [
    'writes into the live rows, whichever generation was meant',
    'generations',
    /by nobody who does not name it/,
    commits((given) => (given.rows ? { ...given, rows: given.rows.map(({ generation: _, ...row }) => row) } : given)),
  ],
  [
    'looks up which rows are live, and reads them later',
    'generations',
    /never of two or of none/,
    (store) => ({
      views: {
        ...store.views,
        async list(_, { view }) {
          const live = (await store.views.defined()).find((one) => one.view === view)?.generation ?? 0
          await aTurn()
          const { rows } = await store.work.scan({ view, generation: live, after: undefined, limit: 1000, subscription: '' })
          return rows.map((row) => ({ ...row, rowVersion: 1 }))
        },
      },
    }),
  ],
  [
    'deletes a generation, also the live one',
    'generations',
    /a generation that is not live is deleted/,
    (store) => ({
      views: {
        ...store.views,
        async discard({ view }, generation) {
          const { rows } = await store.work.scan({ view, generation, after: undefined, limit: 1000, subscription: '' })
          await store.work.commit([{ rows: rows.map((row) => ({ ...row, view, generation, row: null })) }])
        },
      },
    }),
  ],
  [
    'deletes no generation',
    'generations',
    /a generation that is not live is deleted/,
    (store) => ({ views: { ...store.views, discard: async () => {} } }),
  ],
  [
    'goes on deleting, although it is to stop',
    'generations',
    /deletion that is to stop/,
    (store) => ({ views: { ...store.views, discard: (definition, generation) => store.views.discard(definition, generation) } }),
  ],
  [
    'scans without the cursor',
    'generations',
    /scanned in every tenant/,
    works((work) => ({ scan: (question) => work.scan({ ...question, after: undefined }) })),
  ],
  [
    'reads how far parts are after it has read the rows',
    'generations',
    /rows and parts as they were at one moment/,
    works((work) => ({
      async scan(question) {
        const { rows } = await work.scan(question)
        await aTurn()
        return { rows, parts: await work.parts(question.subscription) }
      },
    })),
  ],
  [
    'replaces the rows of a generation that is not 0, and leaves it live',
    'generations',
    /generation 0 again/,
    (store) => ({
      views: {
        ...store.views,
        async rebuild(definition, build) {
          const live = (await store.views.defined()).find(({ view }) => view === definition.view)?.generation ?? 0
          await store.views.rebuild(definition, build)
          await store.work.commit([{ switches: [{ ...definition, generation: live }] }])
        },
      },
    }),
  ],
  [
    'keeps the records of a transaction that is undone',
    'C',
    /keeps records of work with its events/,
    (store) => ({
      transaction: (work) =>
        store.transaction!((transaction) => {
          // In the middle of it, and not with it.
          const early = (record: Parameters<typeof transaction.keep>[0]) => void store.work.commit([{ records: [record] }])
          return work({ ...transaction, keep: async (record) => early(record) })
        }),
    }),
  ],
  [
    'tells who waits of a head beyond the log',
    'capabilities',
    /who begins to wait for changes is told the head/,
    (store) => ({
      async *changes() {
        yield (await store.head()) + 1
      },
    }),
  ],
]

/** Transactions: several appends in one commit, with reads that see what was written, and nothing left of one that fails. */
import type { EventStore, StoreTransaction } from '../../core/event-store.ts'
import { append, deposits, event, logOf, positions, range, rising, streamOf, to, versions } from './bank.ts'
import { type ContractTools, inPart, type Need } from './contract-case.ts'
import { expectAppended, expectDuplicate, expectEqual, expectRefused, expectTrue } from './expect.ts'

class Undone extends Error {}

/** A record of work, new. */
const recordOf = (key: string) =>
  ({ kind: 'note', owner: 'handler:h', tenant: '', key, slot: 3, status: 'waiting', dueAt: 7, body: '{"a":1}' }) as const

/** How a transaction is opened: by the store, or by the caller on a client of its own. */
type Way = <T>(store: EventStore, tools: ContractTools, work: (transaction: StoreTransaction) => Promise<T>) => Promise<T>

const byStore: Way = (store, _, work) => store.transaction!(work)
const byCaller: Way = (_, { ownTransaction }, work) => ownTransaction!(work)

export const transactionCases = [
  ...casesFor('a transaction', byStore, ['transactions']),
  ...casesFor("the caller's own transaction", byCaller, ['transactions', 'ownTransaction']),
]

function casesFor(subject: string, transact: Way, needs: readonly Need[]) {
  return inPart('C', [
    {
      lines: [26],
      needs,
      name: `${subject} that fails leaves no event, and no hole that fills later`,
      async run(store, tools) {
        expectAppended(await append(store, to('account-1', deposits(1))))
        const failure = await transact(store, tools, async (transaction) => {
          expectAppended(await transaction.append(to('account-1', deposits(3), { expectedVersion: 1 })))
          expectAppended(await transaction.append(to('account-2', deposits(3))))
          throw new Undone('on purpose')
        }).catch((error) => error)
        expectTrue(failure instanceof Undone, 'the caller gets its own error')
        const seen = await logOf(store, { after: tools.start })
        expectEqual(seen.events.length, 1, 'how many events the log has')
        expectAppended(await append(store, to('account-1', deposits(2), { expectedVersion: 1 })))
        const later = await logOf(store, { after: seen.position })
        expectEqual(versions(later.events), [2, 3], 'the versions that a reader sees after that')
        expectEqual(await store.streamInfo('account-2'), undefined, 'what is known of the other stream')
      },
    },
    {
      lines: [27],
      needs,
      name: `${subject} reads the log up to its own events, forwards and backwards`,
      async run(store, tools) {
        expectAppended(await append(store, to('account-1', deposits(2))))
        await transact(store, tools, async (transaction) => {
          expectAppended(await transaction.append(to('account-2', deposits(3))))
          const { events } = await logOf(transaction, { after: tools.start, pageSize: 2 })
          expectEqual(
            events.map(({ stream, version }) => `${stream}@${version}`),
            ['account-1@1', 'account-1@2', 'account-2@1', 'account-2@2', 'account-2@3'],
            'the log inside',
          )
          const newest = await logOf(transaction, { backwards: true, limit: 3, tenant: '', category: 'account' })
          expectEqual(versions(newest.events), [3, 2, 1], 'the newest ones inside')
        })
      },
    },
    {
      lines: [26],
      needs,
      name: `${subject} that succeeds shows all its events, in the order of its appends`,
      async run(store, tools) {
        await transact(store, tools, async (transaction) => {
          for (const n of range(1, 3)) expectAppended(await transaction.append(to(`account-${n}`, deposits(2))))
        })
        const { events } = await logOf(store, { after: tools.start })
        expectEqual(
          events.map(({ stream, version }) => `${stream}@${version}`),
          range(1, 3).flatMap((n) => [`account-${n}@1`, `account-${n}@2`]),
          'what the log has',
        )
        expectTrue(rising(positions(events)), 'positions rise')
      },
    },
    {
      lines: [26],
      needs: [...needs, 'parallelReads'],
      name: `${subject} shows none of its events before it ends`,
      async run(store, tools) {
        await transact(store, tools, async (transaction) => {
          for (const n of range(1, 3)) expectAppended(await transaction.append(to(`account-${n}`, deposits(2))))
          expectEqual((await logOf(store, { after: tools.start })).events, [], 'what others see in the log')
          expectEqual(await streamOf(store, 'account-1'), [], 'what others see of the stream')
          expectEqual(await store.head(), tools.start, 'the head that others see')
        })
        expectEqual((await logOf(store, { after: tools.start })).events.length, 6, 'how many events the log has in the end')
      },
    },
    {
      lines: [27],
      needs,
      name: `${subject} reads its own events back`,
      async run(store, tools) {
        expectAppended(await append(store, to('account-1', deposits(2))))
        await transact(store, tools, async (transaction) => {
          expectAppended(await transaction.append(to('account-1', deposits(2), { expectedVersion: 2 })))
          expectAppended(await transaction.append(to('account-1', deposits(1), { expectedVersion: 4 })))
          expectEqual(versions(await streamOf(transaction, 'account-1')), range(1, 5), 'the versions read')
          expectEqual(
            versions(await streamOf(transaction, 'account-1', { after: 1, to: 4, backwards: true })),
            [4, 3, 2],
            'the versions read backwards',
          )
          expectEqual((await transaction.streamInfo('account-1'))?.version, 5, 'the version of the stream')
          expectEqual(await transaction.streamInfo('account-none'), undefined, 'what is known of a missing stream')
        })
      },
    },
    {
      lines: [27],
      needs,
      name: `${subject} sees the rows, outcomes and snapshots that it and others have written`,
      async run(store, tools) {
        const taken = { version: 1, fingerprint: 'f', body: '{"balance":1}', takenAt: 1 }
        await store.snapshots.save('', 'account-1', taken, 1)
        const expiresAt = tools.clock.now() + 60_000
        await transact(store, tools, async (transaction) => {
          const views = [{ view: 'balances', key: '1', expectedRowVersion: 0, row: '{"balance":1}' }]
          expectAppended(
            await transaction.append(
              to('account-1', deposits(1), { views, idempotency: { key: 'k', hash: 'h', outcome: '{"ok":1}', expiresAt } }),
            ),
          )
          expectEqual((await transaction.views.get('', 'balances', '1'))?.row, '{"balance":1}', 'the row')
          expectEqual((await transaction.remembered('', 'k'))?.outcome, '{"ok":1}', 'the outcome')
          expectEqual(await transaction.snapshots.latest('', 'account-1', 'f'), taken, 'the snapshot')
        })
        expectEqual((await store.views.get('', 'balances', '1'))?.row, '{"balance":1}', 'the row after the commit')
        expectEqual((await store.remembered('', 'k'))?.hash, 'h', 'the hash after the commit')
      },
    },
    {
      lines: [],
      needs,
      name: `${subject} goes on after an append that was refused`,
      async run(store, tools) {
        await transact(store, tools, async (transaction) => {
          expectAppended(await transaction.append(to('account-1', deposits(1))))
          expectRefused(await transaction.append(to('account-1', deposits(2), { expectedVersion: 7 })), 'ES_CONCURRENCY')
          expectRefused(await transaction.append(to('$all', deposits(2))), 'ES_STREAM_NAME')
          expectAppended(await transaction.append(to('account-1', deposits(2), { expectedVersion: 1 })))
        })
        expectEqual(versions(await streamOf(store, 'account-1')), [1, 2, 3], 'the versions in the stream')
      },
    },
    {
      lines: [],
      needs,
      name: `${subject} recognises events that are already there, from before it or its own`,
      async run(store, tools) {
        const [before, inside] = [to('account-1', deposits(2)), to('account-1', deposits(2))]
        expectAppended(await append(store, before))
        await transact(store, tools, async (transaction) => {
          expectEqual(versions(expectDuplicate(await transaction.append(before)).events), [1, 2], 'the versions of the first')
          expectAppended(await transaction.append(inside))
          expectEqual((await transaction.append(inside)).kind, 'duplicate', 'the second answer')
        })
        expectEqual(expectDuplicate(await append(store, inside)).version, 4, 'the version told after the commit')
      },
    },
    {
      lines: [],
      needs,
      name: `${subject} undoes a savepoint that fails, and only that`,
      async run(store, tools) {
        await transact(store, tools, async (transaction) => {
          expectAppended(await transaction.append(to('account-1', deposits(1))))
          const failure = await transaction
            .savepoint(async () => {
              expectAppended(await transaction.append(to('account-1', deposits(2))))
              expectAppended(await transaction.append(to('account-2', [event('AccountOpened')])))
              throw new Undone()
            })
            .catch((error) => error)
          expectTrue(failure instanceof Undone, 'the error of the savepoint is passed on')
          expectEqual(versions(await streamOf(transaction, 'account-1')), [1], 'the versions after the savepoint')
          expectEqual(
            await transaction.savepoint(async () => (await transaction.append(to('account-1', deposits(1)))).kind),
            'appended',
            'what the next savepoint gives',
          )
        })
        expectEqual(versions(await streamOf(store, 'account-1')), [1, 2], 'the versions in the stream')
        expectEqual(await store.streamInfo('account-2'), undefined, 'what is known of the other stream')
      },
    },
    {
      lines: [],
      needs,
      name: `${subject} keeps records of work with its events, and none when it, or the savepoint that they are in, is undone`,
      async run(store, tools) {
        const undone = await transact(store, tools, async (transaction) => {
          await transaction.keep(recordOf('never'))
          throw new Undone()
        }).catch((error) => error)
        expectTrue(undone instanceof Undone, 'the caller gets its own error')
        await transact(store, tools, async (transaction) => {
          expectAppended(await transaction.append(to('account-1', deposits(1))))
          await transaction.keep(recordOf('kept'))
          await transaction
            .savepoint(async () => {
              await transaction.keep(recordOf('undone'))
              throw new Undone()
            })
            .catch(() => {})
          await transaction.savepoint(() => transaction.keep(recordOf('kept, too')))
        })
        expectEqual(
          await store.work.records({ kind: 'note' }),
          ['kept', 'kept, too'].map((key) => ({ ...recordOf(key), revision: 1 })),
          'the records',
        )
      },
    },
    {
      lines: [],
      needs,
      name: `${subject} refuses a record that is there, of its own or from before it, which stays as it is, and goes on`,
      async run(store, tools) {
        await store.work.commit([{ records: [recordOf('old')] }])
        await transact(store, tools, async (transaction) => {
          await transaction.keep(recordOf('new'))
          for (const key of ['old', 'new']) {
            const failure = await transaction.keep({ ...recordOf(key), body: '{"other":1}' }).catch((error) => error)
            expectEqual(failure?.code, 'ES_RECORD_CONFLICT', `the refusal of ${key}`)
          }
          expectAppended(await transaction.append(to('account-1', deposits(1))))
        })
        expectEqual(
          (await store.work.records({ kind: 'note' })).map(({ key, body, revision }) => [key, body, revision]),
          [
            ['new', '{"a":1}', 1],
            ['old', '{"a":1}', 1],
          ],
          'the records',
        )
      },
    },
    {
      lines: [],
      needs,
      name: `${subject} gives back what its work resolves to`,
      async run(store, tools) {
        expectEqual(await transact(store, tools, async () => ({ answer: 42 })), { answer: 42 }, 'the result')
        expectEqual(await store.head(), tools.start, 'the head')
      },
    },
  ])
}

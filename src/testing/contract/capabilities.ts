/** Capabilities are facts: what a store says it can do it does, and what it cannot do it refuses. */
import type { EventStore } from '../../core/event-store.ts'
import { sql } from '../../core/sql.ts'
import { append, deposits, event, ids, logOf, range, streamOf, to, versions } from './bank.ts'
import { inPart } from './contract-case.ts'
import { count, expectAppended, expectEqual, expectRefused, expectTrue } from './expect.ts'

export const capabilityCases = inPart('capabilities', [
  {
    lines: [],
    name: 'what a store cannot do it refuses, and never leaves out in silence',
    async run(store, { start }) {
      const { conditions, sql: hasSql, transactions } = store.capabilities
      if (!conditions)
        expectRefused(await append(store, to('course-1', deposits(2), { condition: { query: [], after: start } })), 'ES_UNSUPPORTED')
      if (!hasSql) expectRefused(await append(store, to('course-1', deposits(2), { statements: [sql`select 1`] })), 'ES_UNSUPPORTED')
      expectEqual(typeof store.transaction, transactions ? 'function' : 'undefined', 'the type of store.transaction')
      if (!conditions || !hasSql) expectEqual(await store.head(), start, 'the head')
    },
  },
  {
    lines: [],
    name: 'migrating again, also many times at once, changes nothing',
    async run(store) {
      expectAppended(await append(store, to('account-1', deposits(2))))
      await Promise.all([store.migrate(), store.migrate(), store.migrate()])
      expectEqual(versions(await streamOf(store, 'account-1')), [1, 2], 'the versions in the stream')
    },
  },
  {
    lines: [],
    needs: ['push'],
    name: 'a waiting reader is woken by an append, with a head that is not beyond the log',
    async run(store) {
      const stop = new AbortController()
      for (const n of range(1, 5)) {
        const woken = firstAbove(store, await store.head(), stop.signal)
        const { events } = expectAppended(await append(store, to(`account-${n}`, deposits(2))))
        const head = await woken
        expectTrue(head >= events[0]!.position && head <= (await store.head()), 'the head that wakes is between the append and the head')
      }
      stop.abort()
    },
  },
  {
    lines: [],
    name: 'who begins to wait for changes is told the head at once',
    async run(store) {
      expectAppended(await append(store, to('account-1', deposits(2))))
      const stop = new AbortController()
      for await (const head of store.changes(stop.signal)) {
        expectEqual(head, await store.head(), 'the first head')
        break
      }
      stop.abort()
    },
  },
  {
    lines: [],
    name: 'waiting for changes ends with its signal, whether it comes before, while or without an append',
    async run(store) {
      const wait = async (signal: AbortSignal) => {
        for await (const head of store.changes(signal)) expectTrue(head >= 0, 'a wake-up carries the head')
      }
      await wait(AbortSignal.abort())
      const stop = new AbortController()
      const waiting = [wait(stop.signal), wait(stop.signal)]
      expectAppended(await append(store, to('account-1', deposits(2))))
      stop.abort()
      await Promise.all(waiting)
    },
  },
  {
    lines: [],
    needs: ['durable', 'reopen'],
    name: 'everything that was acknowledged is there when the store is opened again',
    async run(store, { start, reopen, clock }) {
      const views = [{ view: 'balances', key: '1', expectedRowVersion: 0, row: '{"balance":3}' }]
      const idempotency = { key: 'k', hash: 'h', outcome: '1', expiresAt: clock.now() + 60_000 }
      const request = to('account-ü', deposits(3, { tags: ['vip'] }), { views, idempotency })
      const { events } = expectAppended(await append(store, request))
      await store.snapshots.save('', 'account-ü', { version: 3, fingerprint: 'f', body: '3', takenAt: 1 }, 1)
      await store.close()
      const again = await reopen!()
      try {
        expectEqual((await logOf(again, { after: start })).events, events, 'the log')
        expectEqual(ids((await logOf(again, { query: [{ tags: ['vip'] }] })).events), ids(events), 'what is found by tag')
        expectEqual((await again.views.get('', 'balances', '1'))?.row, '{"balance":3}', 'the row')
        expectEqual((await again.remembered('', 'k'))?.lastVersion, 3, 'the remembered outcome')
        expectEqual((await again.snapshots.latest('', 'account-ü', 'f'))?.version, 3, 'the snapshot')
        const { events: later } = expectAppended(await append(again, to('account-ü', deposits(1), { expectedVersion: 3 })))
        expectTrue(later[0]!.position > events[2]!.position && later[0]!.recordedAt >= events[2]!.recordedAt, 'position and time go on')
      } finally {
        await again.close()
      }
    },
  },
  {
    lines: [],
    needs: ['multiProcess', 'reopen'],
    name: 'two stores on the same data agree on every version, and both see the whole log in one order',
    async run(store, { start, reopen }) {
      const other = await reopen!()
      try {
        for (const expectedVersion of range(0, 19)) {
          const race = [store, other].map((one) => append(one, to('account-1', [event('MoneyDeposited')], { expectedVersion })))
          expectEqual(
            count(await Promise.all(race), ({ kind }) => kind === 'appended'),
            1,
            'how many of two are written',
          )
        }
        await Promise.all(range(1, 50).map((n) => append(n % 2 === 0 ? store : other, to(`account-${n % 5}`, deposits(2)))))
        const { events } = await logOf(store, { after: start })
        expectEqual(events.length, 120, 'how many events the log has')
        expectEqual((await logOf(other, { after: start })).events, events, 'the log as the other store reads it')
      } finally {
        await other.close()
      }
    },
  },
  {
    lines: [],
    needs: ['sql'],
    name: 'statements run in the commit of their append, in order, and not at all when it is refused',
    async run(store) {
      const create = sql`create table contract_accounts (id varchar(100) primary key, owner varchar(100) not null)`
      const name = "Zoë; drop table x; -- 'o' 😀"
      expectAppended(
        await append(
          store,
          to('account-1', deposits(1), { statements: [create, sql`insert into contract_accounts values (${'1'}, ${name})`] }),
        ),
      )
      const more = [sql`insert into contract_accounts values (${'2'}, ${'ben'})`]
      const results = await store.append([
        to('account-1', deposits(1), { statements: more, expectedVersion: 9 }),
        to('account-1', deposits(1)),
      ])
      expectEqual(
        results.map(({ kind }) => kind),
        ['refused', 'appended'],
        'the answers',
      )
      const bad = await store.append([
        to('account-2', deposits(1), { statements: [sql`insert into contract_accounts values (${'1'}, ${'twice'})`] }),
        to('account-3', deposits(1)),
      ])
      expectEqual(
        bad.map(({ kind }) => kind),
        ['refused', 'appended'],
        'the answers when a statement fails',
      )
      const rows = await store.transaction!((transaction) => transaction.sql(sql`select id, owner from contract_accounts order by id`))
      expectEqual(rows, [{ id: '1', owner: name }], 'the rows')
      expectEqual(await streamOf(store, 'account-2'), [], 'the events of the append whose statement failed')
    },
  },
  {
    lines: [],
    needs: ['sql', 'transactions'],
    name: 'statements in a transaction see what it wrote and are undone with it, or with their savepoint',
    async run(store) {
      const rows = () => store.transaction!((transaction) => transaction.sql(sql`select id from contract_notes order by id`))
      await store.transaction!((transaction) => transaction.sql(sql`create table contract_notes (id integer primary key)`))
      const undone = store.transaction!(async (transaction) => {
        await transaction.sql(sql`insert into contract_notes values (${1})`)
        expectEqual(await transaction.sql(sql`select id from contract_notes`), [{ id: 1 }], 'the rows inside')
        throw new Error('on purpose')
      })
      expectEqual(await undone.catch((error) => error.message), 'on purpose', 'how the transaction ended')
      await store.transaction!(async (transaction) => {
        await transaction.sql(sql`insert into contract_notes values (${2})`)
        const part = transaction.savepoint(async () => {
          await transaction.sql(sql`insert into contract_notes values (${3})`)
          throw new Error('on purpose')
        })
        expectEqual(await part.catch((error) => error.message), 'on purpose', 'how the savepoint ended')
      })
      expectEqual(await rows(), [{ id: 2 }], 'the rows in the end')
    },
  },
])

/** The first head above one that is known. */
async function firstAbove(store: EventStore, known: number, signal: AbortSignal): Promise<number> {
  for await (const head of store.changes(signal)) if (head > known) return head
  return 0
}

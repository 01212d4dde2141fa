/** Work: who holds a part writes, who has lost it writes nothing, and what belongs together is written together. One port, every promise of it, so the file is long. */
import type { EventStore } from '../../core/event-store.ts'
import { sql } from '../../core/sql.ts'
import type { Lease, RecordWrite, SubscriptionPart, Work, WorkResult } from '../../core/work-store.ts'
import { range } from './bank.ts'
import { inPart } from './contract-case.ts'
import { count, expectEqual, expectTrue } from './expect.ts'

const leaseOf = ({ subscription, part, epoch }: Lease): Lease => ({ subscription, part, epoch })

const partAt = (part: string, position = 0, state = '{}') => ({ part, position, state })

/** A subscription in parts that are held by `owner`. */
async function held(store: EventStore, owner = 'ann', parts = ['0'], subscription = 'letters'): Promise<readonly SubscriptionPart[]> {
  const isDivided = await store.work.divide(
    subscription,
    [],
    parts.map((part) => partAt(part)),
  )
  expectTrue(isDivided, 'a subscription that is new can be divided')
  return store.work.acquire(owner, await store.work.parts(subscription))
}

async function heldPart(store: EventStore, owner = 'ann', subscription = 'letters'): Promise<SubscriptionPart> {
  return (await held(store, owner, ['0'], subscription))[0] as SubscriptionPart
}

const record = (key: string, more: Partial<RecordWrite> = {}): RecordWrite => ({
  kind: 'timer',
  owner: 'letters',
  tenant: '',
  key,
  slot: 0,
  status: 'waiting',
  dueAt: null,
  body: `{"key":${JSON.stringify(key)}}`,
  ...more,
})

const put = async (store: EventStore, records: readonly RecordWrite[]): Promise<void> => expectDone(await store.work.commit([{ records }]))

function expectDone(results: readonly WorkResult[]): void {
  for (const result of results) if (result.kind === 'refused') throw result.error
}

/** What became of each piece of work: its error code when it was refused. */
const codes = (results: readonly WorkResult[]) => results.map((result) => (result.kind === 'refused' ? result.error.code : result.kind))

const keysOf = (records: readonly { readonly key: string }[]) => records.map(({ key }) => key)

export const workCases = inPart('work', [
  {
    lines: [],
    name: 'a subscription that was never divided has no parts, and a divided one has parts that belong to nobody',
    async run(store) {
      expectEqual(await store.work.parts('letters'), [], 'the parts before')
      await store.work.divide('letters', [], [partAt('1/2', 7, '{"n":1}'), partAt('0/2')])
      const parts = await store.work.parts('letters')
      expectEqual(
        parts.map(({ epoch: _, ...part }) => part),
        [
          { subscription: 'letters', part: '0/2', owner: null, position: 0, state: '{}' },
          { subscription: 'letters', part: '1/2', owner: null, position: 7, state: '{"n":1}' },
        ],
        'the parts',
      )
      expectEqual(await store.work.parts('Zoë 😀'), [], 'the parts of another subscription')
    },
  },
  {
    lines: [],
    name: 'a subscription is divided once, however many want to do it at the same moment',
    async run(store) {
      const wishes = range(1, 8).map((n) => store.work.divide('letters', [], [partAt(`${n}`)]))
      expectEqual(count(await Promise.all(wishes), Boolean), 1, 'how many have divided it')
      expectEqual((await store.work.parts('letters')).length, 1, 'the number of parts')
    },
  },
  {
    lines: [],
    name: 'a part is taken over by one of those who want it, and the epoch goes up',
    async run(store) {
      const before = await heldPart(store)
      const got = await Promise.all(range(1, 8).map((n) => store.work.acquire(`owner-${n}`, [leaseOf(before)])))
      const winners = got.flat()
      expectEqual(winners.length, 1, 'how many have got it')
      const [now] = await store.work.parts('letters')
      expectEqual(now, winners[0], 'the part as it is kept')
      expectTrue((now?.epoch ?? 0) > before.epoch, 'the epoch has gone up')
      expectEqual(await store.work.acquire('late', [leaseOf(before)]), [], 'what somebody gets under an old epoch')
    },
  },
  {
    lines: [],
    name: 'a step and everything that goes with it are written together',
    async run(store) {
      const part = await heldPart(store)
      const work: Work = {
        steps: [{ ...leaseOf(part), position: 42, state: '{"seen":3}' }],
        records: [record('one')],
        rows: [{ tenant: '', view: 'letters-by-day', key: 'monday', row: '{"count":3}' }],
      }
      expectDone(await store.work.commit([work]))
      expectEqual(await store.work.parts('letters'), [{ ...part, position: 42, state: '{"seen":3}' }], 'the part')
      expectEqual((await store.work.record(record('one')))?.body, '{"key":"one"}', 'the record')
      expectEqual(await store.views.get('', 'letters-by-day', 'monday'), { row: '{"count":3}', rowVersion: 1 }, 'the row')
    },
  },
  {
    lines: [],
    name: 'who has lost a part writes nothing: no step, no record, no row',
    async run(store) {
      const old = await heldPart(store)
      await store.work.acquire('bob', [leaseOf(old)])
      const work: Work = {
        steps: [{ ...leaseOf(old), position: 42, state: '{"by":"ann"}' }],
        records: [record('one')],
        rows: [{ tenant: '', view: 'letters-by-day', key: 'monday', row: '{}' }],
      }
      expectEqual(codes(await store.work.commit([work])), ['ES_LEASE_LOST'], 'what became of it')
      const [part] = await store.work.parts('letters')
      expectEqual([part?.owner, part?.position, part?.state], ['bob', 0, '{}'], 'the part')
      expectEqual(await store.work.record(record('one')), undefined, 'the record')
      expectEqual(await store.views.get('', 'letters-by-day', 'monday'), undefined, 'the row')
    },
  },
  {
    lines: [],
    name: 'a step without a position changes nothing, but demands that the lease holds',
    async run(store) {
      const part = await heldPart(store)
      expectDone(await store.work.commit([{ steps: [leaseOf(part)], records: [record('one')] }]))
      expectEqual(await store.work.parts('letters'), [part], 'the part')
      await store.work.release([leaseOf(part)])
      const results = await store.work.commit([{ steps: [leaseOf(part)], records: [record('two')] }])
      expectEqual(codes(results), ['ES_LEASE_LOST'], 'what became of it after the part was let go')
      expectEqual(keysOf(await store.work.records({ kind: 'timer' })), ['one'], 'the records')
    },
  },
  {
    lines: [],
    name: 'a refused piece of work does not touch the others of the same call',
    async run(store) {
      const parts = await held(store, 'ann', ['0', '1', '2'])
      const lost = parts[1] as SubscriptionPart
      await store.work.release([leaseOf(lost)])
      const works = parts.map((part) => ({ steps: [{ ...leaseOf(part), position: 9 }], records: [record(part.part)] }))
      expectEqual(codes(await store.work.commit(works)), ['done', 'ES_LEASE_LOST', 'done'], 'what became of them')
      expectEqual(
        (await store.work.parts('letters')).map(({ position }) => position),
        [9, 0, 9],
        'the positions',
      )
      expectEqual(keysOf(await store.work.records({ kind: 'timer' })), ['0', '2'], 'the records')
    },
  },
  {
    lines: [],
    name: 'a part that is let go belongs to nobody, and to whoever takes it next',
    async run(store) {
      const part = await heldPart(store)
      await store.work.release([leaseOf(part)])
      const [free] = await store.work.parts('letters')
      expectEqual(free?.owner, null, 'the owner')
      expectEqual((await store.work.acquire('bob', [leaseOf(free as Lease)]))[0]?.owner, 'bob', 'the next owner')
      await store.work.release([leaseOf(part)])
      expectEqual((await store.work.parts('letters'))[0]?.owner, 'bob', 'the owner after an old lease was let go once more')
    },
  },
  {
    lines: [],
    name: 'beats are counted by owner, and everybody hears of everybody',
    async run(store) {
      await store.work.beat('ann', '{"host":"a"}')
      await store.work.beat('bob', '{}')
      const owners = await store.work.beat('ann', '{"host":"b"}')
      const expected = [
        { owner: 'ann', beat: 2, about: '{"host":"b"}' },
        { owner: 'bob', beat: 1, about: '{}' },
      ]
      expectEqual(owners, expected, 'the owners')
    },
  },
  {
    lines: [],
    name: 'who leaves is forgotten and lets go of everything he holds, and of nothing else',
    async run(store) {
      await store.work.beat('ann', '{}')
      const [one, two] = await held(store, 'ann', ['0', '1'])
      await store.work.acquire('bob', [leaseOf(two as Lease)])
      await store.work.leave('ann')
      expectEqual(
        (await store.work.parts('letters')).map(({ owner }) => owner),
        [null, 'bob'],
        'the owners of the parts',
      )
      const results = await store.work.commit([{ steps: [{ ...leaseOf(one as Lease), position: 5 }] }])
      expectEqual(codes(results), ['ES_LEASE_LOST'], 'what becomes of work that was begun before')
      expectEqual((await store.work.beat('eve', '{}')).length, 1, 'the number of owners')
    },
  },
  {
    lines: [],
    name: 'a subscription is divided anew only by who holds all of it, and no lease survives that',
    async run(store) {
      const parts = await held(store, 'ann', ['0/2', '1/2'])
      const [one, two] = parts.map(leaseOf) as [Lease, Lease]
      expectEqual(await store.work.divide('letters', [], [partAt('0')]), false, 'dividing it as if it were new')
      expectEqual(await store.work.divide('letters', [one], [partAt('0')]), false, 'dividing it with one lease of two')
      expectEqual(await store.work.divide('letters', [one, { ...two, epoch: two.epoch - 1 }], [partAt('0')]), false, 'with an old lease')
      expectEqual(await store.work.parts('letters'), parts, 'the parts')
      expectEqual(await store.work.divide('letters', [two, one], [partAt('0/2', 5), partAt('1/2', 3)]), true, 'with both leases')
      const divided = await store.work.parts('letters')
      expectEqual(
        divided.map(({ owner, position }) => [owner, position]),
        [
          [null, 5],
          [null, 3],
        ],
        'the new parts',
      )
      expectEqual(codes(await store.work.commit([{ steps: [{ ...one, position: 9 }] }])), ['ES_LEASE_LOST'], 'work under an old lease')
    },
  },
  {
    lines: [],
    name: 'owners that take a part from each other never write on one another',
    async run(store) {
      const part = await heldPart(store, 'nobody')
      let done = 0
      const work = async (owner: string) => {
        let lease: Lease = leaseOf(part)
        for (const n of range(1, 20)) {
          const [mine] = await store.work.acquire(owner, [lease])
          const [now] = await store.work.parts('letters')
          lease = leaseOf(mine ?? (now as Lease))
          if (!mine) continue
          const { position } = mine
          const step = { ...lease, position: position + 1 }
          const [result] = await store.work.commit([
            { steps: [step], records: [record(`${position + 1}`, { body: `"${owner} ${n}"`, expectedRevision: 0 })] },
          ])
          if (result?.kind === 'done') done++
        }
      }
      await Promise.all(['ann', 'bob', 'eve', 'zoe'].map(work))
      expectTrue(done > 0, 'somebody has got on')
      expectEqual((await store.work.parts('letters'))[0]?.position, done, 'the position')
      expectEqual((await store.work.records({ kind: 'timer' })).length, done, 'the number of records')
    },
  },
  {
    lines: [],
    name: 'many pieces of work at once are all written',
    async run(store) {
      const parts = await held(
        store,
        'ann',
        range(1, 100).map((n) => `${n}`),
      )
      const works = parts.map((part) => ({ steps: [{ ...leaseOf(part), position: 3 }], records: [record(part.part)] }))
      const calls = await Promise.all(works.map((work) => store.work.commit([work])))
      expectDone(calls.flat())
      expectEqual(
        count(await store.work.parts('letters'), ({ position }) => position === 3),
        100,
        'the parts that have moved',
      )
      expectEqual((await store.work.records({ kind: 'timer', limit: 1000 })).length, 100, 'the records')
    },
  },
  {
    lines: [],
    name: 'works of one call that name the same record are written one after the other',
    async run(store) {
      const works = range(1, 3).map((n) => ({ records: [record('one', { body: `${n}` })] }))
      expectDone(await store.work.commit(works))
      const found = await store.work.record(record('one'))
      expectEqual([found?.body, found?.revision], ['3', 3], 'the body and the revision')
    },
  },
  {
    lines: [],
    name: 'a record comes back as it was set, counts its revisions, and is gone when it is deleted',
    async run(store) {
      const written = record('Zoë "😀" %_', {
        tenant: 'acme',
        slot: 63,
        status: 'due',
        dueAt: 1_700_000_000_000,
        body: '{"text":"ä\\u0000"}',
      })
      await put(store, [written])
      expectEqual(await store.work.record(written), { ...written, revision: 1 }, 'the record')
      expectEqual(await store.work.record({ ...written, tenant: '' }), undefined, 'the record of another tenant')
      await put(store, [{ ...written, body: '2', dueAt: null }])
      expectEqual(await store.work.record(written), { ...written, body: '2', dueAt: null, revision: 2 }, 'the record after a change')
      await put(store, [{ ...written, body: null }])
      expectEqual(await store.work.record(written), undefined, 'the record after it was deleted')
      await put(store, [{ ...written, body: null }])
      await put(store, [written])
      expectEqual((await store.work.record(written))?.revision, 1, 'the revision of one that was deleted and made again')
    },
  },
  {
    lines: [],
    name: 'a record that was changed since it was read refuses the work, and nothing of it is written',
    async run(store) {
      await put(store, [record('one')])
      const part = await heldPart(store)
      const results = await store.work.commit([
        { steps: [{ ...leaseOf(part), position: 9 }], records: [record('two'), record('one', { body: null, expectedRevision: 2 })] },
        { records: [record('three', { expectedRevision: 1 })] },
        { records: [record('one', { body: '"new"', expectedRevision: 1 })] },
        { records: [record('four', { expectedRevision: 0 })] },
      ])
      expectEqual(codes(results), ['ES_RECORD_CONFLICT', 'ES_RECORD_CONFLICT', 'done', 'done'], 'what became of them')
      expectEqual((await store.work.parts('letters'))[0]?.position, 0, 'the position')
      expectEqual(keysOf(await store.work.records({ kind: 'timer' })), ['four', 'one'], 'the records')
      expectEqual((await store.work.record(record('one')))?.body, '"new"', 'the body')
    },
  },
  {
    lines: [],
    name: 'of those who make the same record at once, one makes it',
    async run(store) {
      const wishes = range(1, 8).map((n) => store.work.commit([{ records: [record('one', { body: `${n}`, expectedRevision: 0 })] }]))
      const answers = await Promise.allSettled(wishes)
      const done = answers.filter((answer) => answer.status === 'fulfilled' && answer.value[0]?.kind === 'done')
      expectEqual(done.length, 1, 'how many have made it')
      expectEqual((await store.work.record(record('one')))?.revision, 1, 'the revision')
    },
  },
  {
    lines: [],
    name: 'records are found by kind, owner, tenant, status and slot, in the order of their names',
    async run(store) {
      await put(store, [
        record('b', { slot: 3 }),
        record('a', { slot: 40, status: 'done' }),
        record('c', { tenant: 'acme', slot: 3 }),
        record('d', { owner: 'parcels', slot: 3 }),
        record('e', { kind: 'letter', slot: 3 }),
        record('😀', { slot: 3 }),
      ])
      const found = async (more: object) => keysOf(await store.work.records({ kind: 'timer', ...more }))
      expectEqual(await found({}), ['a', 'b', '😀', 'c', 'd'], 'all of a kind')
      expectEqual(await found({ owner: 'letters' }), ['a', 'b', '😀', 'c'], 'those of an owner')
      expectEqual(await found({ tenant: '' }), ['a', 'b', '😀', 'd'], 'those of a tenant')
      expectEqual(await found({ status: 'done' }), ['a'], 'those of a status')
      expectEqual(await found({ slots: { from: 3, to: 3 }, owner: 'letters', tenant: '' }), ['b', '😀'], 'those of a slot')
      expectEqual(await found({ slots: { from: 4, to: 63 } }), ['a'], 'those of other slots')
      expectEqual(await found({ limit: 2 }), ['a', 'b'], 'the first page')
      expectEqual(await found({ limit: 2, after: { ...record('b'), dueAt: null } }), ['😀', 'c'], 'the second page')
      expectEqual(await found({ kind: 'parcel' }), [], 'those of another kind')
    },
  },
  {
    lines: [],
    name: 'records that are due come in the order of their time',
    async run(store) {
      await put(store, [
        record('late', { dueAt: 300 }),
        record('b', { dueAt: 100 }),
        record('never'),
        record('a', { dueAt: 200 }),
        record('a', { dueAt: 100, tenant: 'acme' }),
      ])
      const due = (dueTo: number, more: object = {}) => store.work.records({ kind: 'timer', dueTo, ...more })
      expectEqual(
        (await due(200)).map(({ tenant, key }) => `${tenant} ${key}`),
        [' b', 'acme a', ' a'],
        'what is due',
      )
      expectEqual(keysOf(await due(99)), [], 'what is due before the first')
      const [first] = await due(300, { limit: 1 })
      expectEqual(keysOf(await due(300, { limit: 2, ...(first && { after: first }) })), ['a', 'a'], 'what comes behind the first')
    },
  },
  {
    lines: [],
    name: 'rows that work has written count their versions, and null deletes them',
    async run(store) {
      const row = (text: string | null) => ({ tenant: 'acme', view: 'letters-by-day', key: 'Zoë 😀', row: text })
      const at = () => store.views.get('acme', 'letters-by-day', 'Zoë 😀')
      expectDone(await store.work.commit([{ rows: [row('{"n":1}')] }]))
      expectDone(await store.work.commit([{ rows: [row('{"n":2}')] }]))
      expectEqual(await at(), { row: '{"n":2}', rowVersion: 2 }, 'the row')
      expectDone(await store.work.commit([{ rows: [row(null)] }]))
      expectEqual(await at(), { row: null, rowVersion: 3 }, 'the row after it was deleted')
      expectEqual(await store.views.get('', 'letters-by-day', 'Zoë 😀'), undefined, 'the row of another tenant')
    },
  },
  {
    lines: [],
    name: 'statements are run with the work, and one that fails refuses that work alone',
    needs: ['sql'],
    async run(store) {
      const run = (statement: ReturnType<typeof sql>) => store.transaction?.((transaction) => transaction.sql(statement))
      await run(sql`create table letters_read (name varchar(100) primary key)`)
      const part = await heldPart(store)
      const owner = { projection: 'letters', eventType: 'Read' }
      const reading = (name: string, position: number): Work => ({
        steps: [{ ...leaseOf(part), position }],
        statements: [
          { ...sql`insert into letters_read values (${`${name} first`})`, owner },
          { ...sql`insert into letters_read values (${name})`, owner },
        ],
      })
      expectDone(await store.work.commit([reading('one', 1)]))
      const results = await store.work.commit([reading('one', 2), { records: [record('beside')] }, reading('two', 3)])
      expectEqual(codes(results), ['ES_PROJECTION_FAILED', 'done', 'done'], 'what became of them')
      expectEqual((await store.work.parts('letters'))[0]?.position, 3, 'the position')
      const rows = await run(sql`select name from letters_read order by name`)
      expectEqual(
        rows?.map(({ name }) => name),
        ['one', 'one first', 'two', 'two first'],
        'the rows',
      )
      const lost = await store.work.commit([{ ...reading('three', 4), steps: [{ ...leaseOf(part), epoch: part.epoch - 1 }] }])
      expectEqual(codes(lost), ['ES_LEASE_LOST'], 'what became of work under an old lease')
      expectEqual((await run(sql`select name from letters_read`))?.length, 4, 'the number of rows')
    },
  },
  {
    lines: [],
    name: 'work is still there when the store is opened again, and is seen by others who have it open',
    needs: ['reopen', 'durable'],
    async run(store, { reopen }) {
      const part = await heldPart(store)
      expectDone(await store.work.commit([{ steps: [{ ...leaseOf(part), position: 7 }], records: [record('one')] }]))
      const again = await (reopen as () => Promise<EventStore>)()
      try {
        expectEqual(await again.work.parts('letters'), [{ ...part, position: 7 }], 'the parts')
        expectEqual(keysOf(await again.work.records({ kind: 'timer' })), ['one'], 'the records')
        expectEqual((await again.work.acquire('bob', [leaseOf(part)])).length, 1, 'the parts that another process takes over')
        const results = await store.work.commit([{ steps: [{ ...leaseOf(part), position: 8 }] }])
        expectEqual(codes(results), ['ES_LEASE_LOST'], 'what becomes of work of the first process')
      } finally {
        await again.close()
      }
    },
  },
])

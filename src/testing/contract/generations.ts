/** Generations of a view's rows: one is filled beside the one that is read, and takes its place in one commit. */
import type { EventStore } from '../../core/event-store.ts'
import type { ListRows, ViewDefinition } from '../../core/view-store.ts'
import type { Lease, RowWrite, SubscriptionPart, Work } from '../../core/work-store.ts'
import { range } from './bank.ts'
import { inPart } from './contract-case.ts'
import { expectEqual, expectTrue } from './expect.ts'

const definition: ViewDefinition = { view: 'letters', indexes: { amount: 'number' }, fingerprint: 'fold-1' }
const everything: ListRows = { where: [], orderBy: undefined, descending: false, limit: 1000, after: undefined }

const row = (key: string, amount: number, generation: number, tenant = ''): RowWrite => ({
  tenant,
  view: 'letters',
  key,
  row: `{"amount":${amount}}`,
  generation,
})

/** Defines the view, and takes the one part of its subscription. */
async function opened(store: EventStore): Promise<Lease> {
  await store.views.define(definition)
  await store.work.divide('letters', [], [{ part: '0/1', position: 0, state: '{}' }])
  const [part] = await store.work.acquire('ann', await store.work.parts('letters'))
  return leaseOf(part as SubscriptionPart)
}

const leaseOf = ({ subscription, part, epoch }: Lease): Lease => ({ subscription, part, epoch })

async function write(store: EventStore, work: Work): Promise<string> {
  const [result] = await store.work.commit([work])
  return result?.kind === 'refused' ? result.error.code : 'done'
}

const switchTo = (generation: number, fingerprint = `fold-${generation}`) => ({ ...definition, fingerprint, generation })

const listed = async (store: EventStore, question: Partial<ListRows> = {}, tenant = '') =>
  (await store.views.list(tenant, definition, { ...everything, ...question })).map((one) => `${one.key} ${JSON.parse(one.row).amount}`)

/** A store that is in this process would otherwise let nobody in between. */
const othersGoOn = () => new Promise((resolve) => setImmediate(resolve))

export const generationCases = inPart('generations', [
  {
    lines: [],
    name: 'rows of another generation are found by its number, and by nobody who does not name it',
    async run(store) {
      await opened(store)
      await store.views.prepare(definition, 1)
      expectEqual(await write(store, { rows: [row('a', 1, 0), row('a', 10, 1), row('b', 20, 1)] }), 'done', 'what became of it')
      expectEqual(await listed(store), ['a 1'], 'the rows')
      expectEqual((await store.views.get('', 'letters', 'a'))?.row, '{"amount":1}', 'the live row')
      expectEqual(await store.views.get('', 'letters', 'b'), undefined, 'a row that is not live')
      expectEqual((await store.views.get('', 'letters', 'b', 1))?.row, '{"amount":20}', 'the row of generation 1')
      expectEqual(await store.views.get('', 'letters', 'b', 2), undefined, 'a row of generation 2')
    },
  },
  {
    lines: [],
    name: 'a switch makes another generation the live one, with its definition, together with the steps of its work',
    async run(store) {
      const lease = await opened(store)
      await store.views.prepare(definition, 3)
      await write(store, { rows: [row('a', 1, 0), row('a', 10, 3), row('b', 20, 3), row('c', 30, 3, 'acme')] })
      expectEqual(
        await write(store, { steps: [{ ...lease, position: 7 }], rows: [row('b', 21, 3)], switches: [switchTo(3)] }),
        'done',
        'what became of it',
      )
      expectEqual([await listed(store), await listed(store, {}, 'acme')], [['a 10', 'b 21'], ['c 30']], 'the rows of both tenants')
      expectEqual(await listed(store, { where: [['amount', { gte: 15 }]], orderBy: 'amount' }), ['b 21'], 'the rows that are searched')
      expectEqual((await store.views.get('', 'letters', 'a'))?.row, '{"amount":10}', 'the live row')
      expectEqual((await store.views.get('', 'letters', 'a', 0))?.row, '{"amount":1}', 'the row of before')
      const defined = (await store.views.defined()).find(({ view }) => view === 'letters')
      expectEqual(defined, { ...definition, fingerprint: 'fold-3', generation: 3 }, 'the definition')
      expectEqual((await store.work.parts('letters'))[0]?.position, 7, 'the position')
    },
  },
  {
    lines: [],
    name: 'who has lost a part switches nothing',
    async run(store) {
      const lease = await opened(store)
      await write(store, { rows: [row('a', 1, 0), row('a', 10, 1)] })
      await store.work.acquire('bob', [lease])
      expectEqual(await write(store, { steps: [lease], switches: [switchTo(1)] }), 'ES_LEASE_LOST', 'what became of it')
      expectEqual(await listed(store), ['a 1'], 'the rows')
      const defined = (await store.views.defined()).find(({ view }) => view === 'letters')
      expectEqual(defined, { ...definition, generation: 0 }, 'the definition')
    },
  },
  {
    lines: [],
    name: 'whoever reads while generations are switched sees the rows of one of them, never of two or of none',
    async run(store) {
      await opened(store)
      const keys = range(1, 20).map((n) => `key-${n + 10}`)
      const generations = range(1, 12)
      await write(store, { rows: keys.map((key) => row(key, 0, 0)) })
      for (const generation of generations) await write(store, { rows: keys.map((key) => row(key, generation, generation)) })
      let isOver = false
      const seen = new Set<number>()
      const read = async () => {
        while (!isOver) {
          const amounts = (await listed(store)).map((one) => one.split(' ')[1])
          expectEqual([amounts.length, new Set(amounts).size], [keys.length, 1], 'how many rows, and of how many generations')
          seen.add(Number(amounts[0]))
          expectTrue((await store.views.get('', 'letters', 'key-11')) !== undefined, 'the row is there')
          await othersGoOn()
        }
      }
      const switching = async () => {
        for (const generation of generations) {
          await write(store, { switches: [switchTo(generation)] })
          await store.views.discard(definition, generation - 1)
          await othersGoOn()
        }
        isOver = true
      }
      await Promise.all([switching(), read(), read(), read()])
      expectEqual((await listed(store)).length, keys.length, 'the number of rows at the end')
      expectTrue(seen.size > 2, 'somebody has read in between')
    },
  },
  {
    lines: [],
    name: 'a generation is scanned in every tenant, by tenant and key, in pages, without what is deleted',
    async run(store) {
      await opened(store)
      const names = [
        ['', 'b'],
        ['', 'a'],
        ['acme', 'a'],
        ['Zoë', '😀'],
        ['Zoë', 'é'],
        ['acme', ''],
      ] as const
      await write(store, { rows: names.map(([tenant, key], i) => row(key, i, 2, tenant)) })
      await write(store, { rows: [row('live', 1, 0), { ...row('a', 0, 2), row: null }, { ...row('a', 9, 0), view: 'others' }] })
      const found: string[] = []
      for (let after: { tenant: string; key: string } | undefined; found.length <= names.length; ) {
        const { rows } = await store.work.scan({ view: 'letters', generation: 2, after, limit: 2, subscription: 'letters' })
        for (const one of rows) found.push(`${one.tenant}/${one.key} ${one.row}`)
        after = rows.at(-1)
        if (rows.length < 2) break
      }
      expectEqual(
        found,
        ['/b {"amount":0}', 'Zoë/é {"amount":4}', 'Zoë/😀 {"amount":3}', 'acme/ {"amount":5}', 'acme/a {"amount":2}'],
        'the rows',
      )
    },
  },
  {
    lines: [],
    name: 'a scan tells rows and parts as they were at one moment',
    async run(store) {
      const lease = await opened(store)
      let isOver = false
      const writing = async () => {
        for (const position of range(1, 100)) {
          await write(store, { steps: [{ ...lease, position }], rows: ['a', 'b'].map((key) => row(key, position, 0)) })
          await othersGoOn()
        }
        isOver = true
      }
      const scanned: number[] = []
      const scan = async () => {
        while (!isOver) {
          const { rows, parts } = await store.work.scan({
            view: 'letters',
            generation: 0,
            after: undefined,
            limit: 10,
            subscription: 'letters',
          })
          const [part] = parts
          for (const one of rows) expectEqual(JSON.parse(one.row).amount, part?.position, 'the row, and the position')
          scanned.push(rows.length)
          await othersGoOn()
        }
      }
      await Promise.all([writing(), scan()])
      expectTrue(scanned.includes(2), 'somebody has read while it was written')
    },
  },
  {
    lines: [],
    name: 'a generation that is not live is deleted, and nothing else is',
    async run(store) {
      await opened(store)
      await store.views.prepare(definition, 1)
      await write(store, { rows: [row('a', 1, 0), row('a', 10, 1), row('b', 20, 1, 'acme'), row('a', 30, 11)] })
      await store.views.discard(definition, 0)
      expectEqual(await listed(store), ['a 1'], 'the live rows')
      await store.views.discard(definition, 1)
      await store.views.discard(definition, 1)
      expectEqual(await store.views.get('', 'letters', 'a', 1), undefined, 'a row of generation 1')
      expectEqual(await store.views.get('acme', 'letters', 'b', 1), undefined, 'a row of generation 1 in another tenant')
      expectEqual((await store.views.get('', 'letters', 'a', 11))?.row, '{"amount":30}', 'a row of generation 11')
      expectEqual(await listed(store, { orderBy: 'amount' }), ['a 1'], 'the live rows, sorted')
    },
  },
  {
    lines: [],
    name: 'a deletion that is to stop begins nothing more, and the next one deletes what is left',
    async run(store) {
      await opened(store)
      await write(store, { rows: [row('a', 10, 1)] })
      await store.views.discard(definition, 1, AbortSignal.abort())
      expectEqual((await store.views.get('', 'letters', 'a', 1))?.row, '{"amount":10}', 'the row')
      await store.views.discard(definition, 1, new AbortController().signal)
      expectEqual(await store.views.get('', 'letters', 'a', 1), undefined, 'the row at the end')
    },
  },
  {
    lines: [],
    name: 'the replacement of a view, beside the appends, is generation 0 again',
    async run(store) {
      await opened(store)
      await write(store, { rows: [row('a', 10, 1)], switches: [switchTo(1)] })
      await store.views.rebuild({ ...definition, fingerprint: 'fold-9' }, async () => [{ tenant: '', key: 'z', row: '{"amount":9}' }])
      expectEqual(await listed(store), ['z 9'], 'the rows')
      const defined = (await store.views.defined()).find(({ view }) => view === 'letters')
      expectEqual(defined, { ...definition, fingerprint: 'fold-9', generation: 0 }, 'the definition')
    },
  },
])

/** Rebuilding a view: all its rows in one commit, in step with the appends. */
import type { ViewDefinition } from '../../core/view-store.ts'
import { amountOf, balance, built, set } from './balances.ts'
import { append, deposits, range, streamOf, to } from './bank.ts'
import { inPart } from './contract-case.ts'
import { count, expectAppended, expectEqual, expectRefused } from './expect.ts'

export const viewRebuildCases = inPart('views', [
  {
    lines: [],
    name: 'a rebuild reads the log up to its end, replaces every row, and registers the definition',
    async run(store) {
      expectAppended(await set(store, balance('old', 0, 1), balance('kept', 0, 2)))
      expectAppended(await set(store, { ...balance('1', 0, 7), view: 'other' }))
      const definition: ViewDefinition = { view: 'balances', indexes: { balance: 'number' }, fingerprint: 'fold-2' }
      let seen = 0
      await store.views.rebuild(definition, async (log) => {
        for await (const page of log) seen += page.events.filter(({ stream }) => stream === 'account-1').length
        return [built('kept', 20), built('new', 30), { ...built('new', 40), tenant: 'acme' }]
      })
      expectEqual(seen, 4, 'how many events of the stream the rebuild was given')
      expectEqual(
        (await store.views.defined()).filter(({ view }) => view === 'balances'),
        [{ ...definition, generation: 0 }],
        'the definitions',
      )
      const question = { where: [], orderBy: undefined, descending: false, limit: 10, after: undefined }
      const rows = (tenant: string) =>
        store.views.list(tenant, definition, question).then((all) => all.map(({ key, row }) => `${key} ${row}`))
      expectEqual(
        [await rows(''), await rows('acme')],
        [['kept {"balance":20}', 'new {"balance":30}'], ['new {"balance":40}']],
        'the rows of both tenants',
      )
      expectEqual((await store.views.get('', 'other', '1'))?.rowVersion, 1, 'the row version in another view')
    },
  },
  {
    lines: [],
    name: 'a view is registered once, by whoever comes first, and its rows stay as they are',
    async run(store) {
      expectAppended(await set(store, { ...balance('a', 0, 1), view: 'kept' }))
      const definitions = range(1, 5).map(
        (n): ViewDefinition => ({ view: 'kept', indexes: { balance: 'number' }, fingerprint: `fold-${n}` }),
      )
      await Promise.all(definitions.map((definition) => store.views.define(definition)))
      const known = (await store.views.defined()).filter(({ view }) => view === 'kept')
      await store.views.define({ ...(definitions[0] as ViewDefinition), fingerprint: 'late' })
      expectEqual(known.length, 1, 'how many definitions there are')
      expectEqual(
        (await store.views.defined()).filter(({ view }) => view === 'kept'),
        known,
        'the definitions after another one',
      )
      expectEqual((await store.views.get('', 'kept', 'a'))?.rowVersion, 1, 'the version of the row')
    },
  },
  {
    lines: [],
    name: 'after a rebuild a fold that started from an old row is refused, and one from the new row is written',
    async run(store) {
      expectAppended(await set(store, balance('1', 0, 10), balance('gone', 0, 5)))
      await store.views.rebuild({ view: 'balances', indexes: {}, fingerprint: 'fold-2' }, async () => [built('1', 11), built('new', 1)])
      expectRefused(await set(store, balance('1', 1, 99)), 'ES_VIEW_CONFLICT')
      expectRefused(await set(store, balance('gone', 1, 99)), 'ES_VIEW_CONFLICT')
      expectRefused(await set(store, balance('new', 0, 99)), 'ES_VIEW_CONFLICT')
      const rowVersion = (await store.views.get('', 'balances', '1'))!.rowVersion
      expectAppended(await set(store, balance('1', rowVersion, 12)))
      expectEqual(await amountOf(store, '1'), [12, rowVersion + 1], 'the row')
    },
  },
  {
    lines: [],
    name: 'a rebuild that fails leaves rows and definition as they were, and the store goes on',
    async run(store) {
      expectAppended(await set(store, balance('1', 0, 10)))
      const failed = store.views.rebuild({ view: 'balances', indexes: {}, fingerprint: 'bad' }, async (log) => {
        for await (const page of log) if (page.events.length > 0) break
        throw new Error('on purpose')
      })
      expectEqual(await failed.catch((error) => error.message), 'on purpose', 'how the rebuild ended')
      expectEqual(
        [await amountOf(store, '1'), count(await store.views.defined(), ({ fingerprint }) => fingerprint === 'bad')],
        [[10, 1], 0],
        'row and definitions',
      )
      expectAppended(await set(store, balance('1', 1, 20)))
    },
  },
  {
    lines: [],
    name: 'no append comes between what a rebuild has read and its switch',
    async run(store) {
      const views = (n: number) => ({ views: [{ view: 'counts', key: 'all', expectedRowVersion: n, row: `{"balance":${n + 1}}` }] })
      for (const n of range(0, 2)) expectAppended(await append(store, to('account-1', deposits(1), views(n))))
      let counted = 0
      const rebuilt = store.views.rebuild({ view: 'counts', indexes: {}, fingerprint: 'fold-2' }, async (log) => {
        counted = 0
        for await (const page of log) counted += page.events.filter(({ stream }) => stream === 'account-1').length
        return [{ ...built('all', counted), tenant: '' }]
      })
      const others = range(0, 9).map(() => append(store, to('account-1', deposits(1), views(3))))
      const written = count(await Promise.all(others), ({ kind }) => kind === 'appended')
      await rebuilt
      const inRow = JSON.parse((await store.views.get('', 'counts', 'all'))!.row!).balance
      // A fold from the row of before the rebuild can be written before it (and is then read by it), never after it.
      expectEqual([inRow, (await streamOf(store, 'account-1')).length], [counted, 3 + written], 'the row, and the events of the stream')
      expectEqual(counted, 3 + written, 'how many events the rebuild has read')
    },
  },
])

/** Tenants: isolated worlds in one store. Positions are shared, everything else is not. */
import { append, deposits, event, ids, logOf, positions, range, rising, streamOf, to, versions } from './bank.ts'
import { inPart } from './contract-case.ts'
import { expectAppended, expectDuplicate, expectEqual, expectRefused, expectTrue } from './expect.ts'

const [acme, umlaut] = [{ tenant: 'acme' }, { tenant: 'Öko & "Söhne" 😀' }]
const worlds = [{ tenant: '' }, acme, umlaut]

export const tenantCases = inPart('tenants', [
  {
    lines: [],
    name: 'streams of the same name in two tenants do not meet',
    async run(store) {
      for (const [i, world] of worlds.entries()) {
        expectAppended(await append(store, to('account-1', deposits(i + 1), { expectedVersion: 'none', ...world })))
      }
      for (const [i, world] of worlds.entries()) {
        const events = await streamOf(store, 'account-1', world)
        expectEqual(
          events.map(({ tenant, version }) => [tenant, version]),
          range(1, i + 1).map((version) => [world.tenant, version]),
          'tenant and version of its events',
        )
        const info = await store.streamInfo('account-1', world.tenant)
        expectEqual([info?.tenant, info?.version], [world.tenant, i + 1], 'its info')
        const list = await store.listStreams({ ...world, category: 'account' })
        expectEqual(
          list.map(({ tenant, version }) => [tenant, version]),
          [[world.tenant, i + 1]],
          'its list',
        )
      }
      expectRefused(await append(store, to('account-1', deposits(1), { expectedVersion: 1, ...acme })), 'ES_CONCURRENCY')
      expectEqual(await store.streamInfo('account-1', 'nobody'), undefined, 'the info in a tenant that has nothing')
    },
  },
  {
    lines: [],
    name: 'without a tenant it is the tenant with the empty name',
    async run(store) {
      expectAppended(await append(store, to('account-1', deposits(2))))
      expectAppended(await append(store, to('account-1', deposits(1), { tenant: '', expectedVersion: 2 })))
      expectEqual(
        [await streamOf(store, 'account-1'), await store.streamInfo('account-1')],
        [await streamOf(store, 'account-1', { tenant: '' }), await store.streamInfo('account-1', '')],
        'stream and info',
      )
      expectEqual(await streamOf(store, 'account-1', acme), [], 'what another tenant reads')
    },
  },
  {
    lines: [],
    name: 'the same event id in two tenants is two events, and a duplicate in each',
    async run(store) {
      const events = deposits(2)
      for (const world of worlds) expectAppended(await append(store, to('account-1', events, world)))
      for (const world of worlds)
        expectEqual(
          expectDuplicate(await append(store, to('account-1', events, world))).events.map(({ tenant }) => tenant),
          [world.tenant, world.tenant],
          'the tenant of the duplicate',
        )
      expectRefused(await append(store, to('account-2', events, acme)), 'ES_DUPLICATE_EVENT')
    },
  },
  {
    lines: [],
    name: 'the same idempotency key in two tenants is two keys',
    async run(store) {
      const remember = (outcome: string) => ({ idempotency: { key: 'request-1', hash: 'h', outcome, expiresAt: Date.UTC(2100, 0, 1) } })
      for (const world of worlds)
        expectAppended(await append(store, to('account-1', deposits(1), { ...world, ...remember(JSON.stringify(world)) })))
      for (const { tenant } of worlds)
        expectEqual((await store.remembered(tenant, 'request-1'))?.outcome, JSON.stringify({ tenant }), 'the outcome remembered')
      expectEqual(await store.remembered('nobody', 'request-1'), undefined, 'what a tenant without the key remembers')
    },
  },
  {
    lines: [],
    name: 'the same row key in two tenants is two rows',
    async run(store) {
      const views = (balance: number, expectedRowVersion = 0) => ({
        views: [{ view: 'balances', key: '1', expectedRowVersion, row: `{"balance":${balance}}` }],
      })
      for (const [i, world] of worlds.entries())
        expectAppended(await append(store, to('account-1', deposits(1), { ...world, ...views(i) })))
      expectAppended(
        await append(
          store,
          to('account-1', deposits(1), { ...acme, ...views(77, (await store.views.get('acme', 'balances', '1'))!.rowVersion) }),
        ),
      )
      const question = { where: [], orderBy: undefined, descending: false, limit: 10, after: undefined }
      const definition = { view: 'balances', indexes: { balance: 'number' as const }, fingerprint: 'f' }
      for (const [{ tenant }, balance] of [
        [worlds[0]!, 0],
        [acme, 77],
        [umlaut, 2],
      ] as const) {
        expectEqual((await store.views.get(tenant, 'balances', '1'))?.row, `{"balance":${balance}}`, 'the row')
        expectEqual(
          (await store.views.list(tenant, definition, question)).map(({ row }) => row),
          [`{"balance":${balance}}`],
          'the rows listed',
        )
      }
    },
  },
  {
    lines: [],
    needs: ['conditions'],
    name: 'a condition sees the events of its own tenant only',
    async run(store, { start }) {
      const condition = { query: [{ tags: ['course:1'] }], after: start }
      const events = () => [event('CourseDefined', {}, { tags: ['course:1'] }), event('CourseOpened', {}, { tags: ['course:1'] })]
      for (const world of worlds) expectAppended(await append(store, to('course-1', events(), { ...world, condition })))
      for (const world of worlds)
        expectRefused(await append(store, to('course-2', events(), { ...world, condition })), 'ES_CONDITION_FAILED')
      expectAppended(await append(store, to('course-1', events(), { tenant: 'nobody', condition: { query: [], after: 0 } })))
    },
  },
  {
    lines: [],
    name: 'a check looks into its own tenant only',
    async run(store) {
      expectAppended(await append(store, to('account-1', deposits(2), acme)))
      const checks = [{ stream: 'account-1', expectedVersion: 2 }]
      expectAppended(await append(store, to('account-2', deposits(1), { ...acme, checks })))
      expectRefused(await append(store, to('account-2', deposits(1), { checks })), 'ES_CONCURRENCY')
    },
  },
  {
    lines: [],
    name: 'the log is read across tenants or for one of them, with positions that are shared',
    async run(store, { start }) {
      const results = await store.append(range(0, 8).map((n) => to('account-1', deposits(2, { tags: ['a'] }), worlds[n % 3]!)))
      const written = results.flatMap((result) => expectAppended(result).events)
      const all = await logOf(store, { after: start })
      expectEqual(ids(all.events), ids(written), 'the event ids across tenants')
      expectTrue(rising(positions(all.events)), 'positions rise across tenants')
      for (const filter of [{}, { query: [{ tags: ['a'] }] }, { category: 'account' }]) {
        for (const { tenant } of worlds) {
          const one = await logOf(store, { after: start, tenant, ...filter })
          expectEqual(
            one.events,
            written.filter((event) => event.tenant === tenant),
            `the events of ${JSON.stringify(tenant)}`,
          )
          expectEqual(one.position, await store.head(), 'how far the read has looked')
          expectEqual(versions(one.events), range(1, 6), 'the versions in the tenant')
        }
      }
      expectEqual((await logOf(store, { after: start, tenant: 'nobody' })).events, [], 'the events of a tenant that has none')
    },
  },
  {
    lines: [],
    needs: ['transactions'],
    name: 'one transaction may write to two tenants, and both are undone together',
    async run(store, { start }) {
      for (const undo of [true, false]) {
        const done = store.transaction!(async (transaction) => {
          for (const world of worlds) expectAppended(await transaction.append(to('account-1', deposits(2), world)))
          expectEqual((await streamOf(transaction, 'account-1', acme)).length, 2, 'how many events the transaction reads in one')
          if (undo) throw new Error('on purpose')
        })
        await done.catch(() => {})
        expectEqual((await logOf(store, { after: start })).events.length, undo ? 0 : 6, 'how many events the log has')
      }
    },
  },
])

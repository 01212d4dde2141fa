/** Views that are rebuilt at the same moment, as when processes with a new version start. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { freshDatabase } from '../fresh.ts'
import { postgresServers } from '../servers.ts'
import { deposit } from './requests.ts'

for (const server of await postgresServers()) {
  for (const [where, processes] of [
    ['one store', 1],
    ['two stores', 2],
  ] as const) {
    test(`PostgreSQL ${server.name}: rebuilds of views with indexes in ${where} do not fail because of each other`, async () => {
      const { url, drop } = await freshDatabase(server)
      const stores = Array.from({ length: processes }, () => postgres(url, { schema: 'bank' }))
      await Promise.all(stores.map((store) => store.append([deposit('account-a')])))
      const rebuilds = stores.flatMap((store) =>
        ['balances', 'owners', 'totals'].map((view) =>
          store.views.rebuild({ view, indexes: { owner: 'text', amount: 'number' }, fingerprint: '1' }, async (log) => {
            for await (const _ of log);
            return [{ tenant: '', key: 'a', row: '{"owner":"Ann","amount":1}' }]
          }),
        ),
      )
      await Promise.all(rebuilds)
      assert.equal((await stores[0]!.views.get('', 'owners', 'a'))?.row, '{"owner":"Ann","amount":1}')
      await Promise.all(stores.map((store) => store.close()))
      await drop()
    })
  }
}

/** A process that is killed while it rebuilds a view: another one goes on where it was. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Observer } from '../../src/index.ts'
import { freshDatabase } from '../postgres/fresh.ts'
import { postgresServers } from '../postgres/servers.ts'
import { appendDeposits, range } from '../runtime/subscriptions/follow.ts'
import { foldedLedger, generationsOf, ledgerRows, until } from '../runtime/subscriptions/ledger.ts'
import { temporaryFolder } from '../stores/support.ts'
import { openLedger, storeAt } from './rebuilt-ledger.ts'

const [server] = await postgresServers()

/** Files and databases that outlive the processes that use them. */
const places: Readonly<Record<string, (t: TestContext) => Promise<string>>> = {
  sqlite: async (t) => join(temporaryFolder(t), 'ledger.db'),
  async postgres(t) {
    const { url, drop } = await freshDatabase(server!)
    t.after(drop)
    return url
  },
}

const program = join(import.meta.dirname, 'rebuild-process.ts')
const count = 20_000

/** Has another process rebuild the view, and kills it after its first commit. @returns the position of that. */
async function rebuildAndDie(name: string, place: string): Promise<number> {
  const run = spawn(process.execPath, [program, name, place], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(run, 'exit')
  const told = await Promise.race([once(run.stdout, 'data'), exited.then(() => assert.fail('it has ended by itself'))])
  run.kill('SIGKILL')
  assert.deepEqual(await exited, [null, 'SIGKILL'])
  return Number(told[0])
}

for (const [name, placeFor] of Object.entries(places)) {
  test(`${name}: after a kill in the middle of a rebuild another process goes on where it was, and the view is right`, async (t) => {
    const place = await placeFor(t)
    const store = storeAt(name, place)
    await store.migrate()
    await appendDeposits(
      store,
      count,
      range(1, 50).map((n) => `n${n}`),
    )
    const position = await rebuildAndDie(name, place)
    assert.ok(position > 0 && position < count, `killed at position ${position}`)
    const starts: number[] = []
    const observer: Observer = (signal) => void (signal.signal === 'projection.rebuild.start' && starts.push(signal.position))
    const app = openLedger(store, observer)
    await app.start()
    await app.subscriptions.rebuild('ledger')
    // More than once on a machine that is so busy that a short lease runs out.
    assert.equal(starts[0], position)
    assert.deepEqual(
      starts.filter((start) => start < position),
      [],
      'it did not begin from the start again',
    )
    await until(async () => (await app.subscriptions.list()).every(({ lag }) => lag.events === 0))
    assert.deepEqual(await ledgerRows(store), await foldedLedger(store, 1))
    assert.equal((await store.views.defined())[0]?.generation, 1)
    await until(async () => (await generationsOf(store)).join() === '1') // the rows of before are deleted
    await app.stop({ keepStore: true })
    await store.close()
  })
}

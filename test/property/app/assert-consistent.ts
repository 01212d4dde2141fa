/** What must hold after any program, however it came about: every way to a state leads to the same state. */
import assert from 'node:assert/strict'
import { balances } from '../../domain/bank.ts'
import { all, foldOf } from '../../runtime/open-bank.ts'
import { accountIds, tenantNames } from './app-steps.ts'
import { type openApp, type Policy, rebuiltBalances, rebuiltTotal, total } from './random-bank.ts'

type Opened = ReturnType<typeof openApp>

/** @param fresh  an app that has seen nothing yet, and builds its rows from zero. */
export async function assertConsistent(apps: readonly Opened[], fresh: Opened, { views }: Policy): Promise<void> {
  for (const tenant of tenantNames) {
    for (const id of accountIds) await assertOneState(apps, fresh, tenant, id)
    if (!views) continue
    await assertSameRows(apps, fresh, tenant, balances, rebuiltBalances)
    await assertSameRows(apps, fresh, tenant, total as never, rebuiltTotal as never)
  }
  for (const { signals } of [...apps, fresh]) {
    assert.deepEqual(signals.of('snapshot.mismatch'), [])
    assert.deepEqual(signals.of('snapshot.failed'), [])
  }
}

/** Live, loaded and folded by hand: now, and at every version that there was. */
async function assertOneState(apps: readonly Opened[], fresh: Opened, tenant: string, id: string): Promise<void> {
  const late = fresh.app.forTenant(tenant)
  const events = await all(late.history(fresh.account, id))
  assert.deepEqual(
    events.map(({ version }) => version),
    events.map((_, i) => i + 1),
  )
  const state = foldOf(fresh.account, events)
  for (const { app, account } of [...apps, fresh]) assert.deepEqual((await app.forTenant(tenant).load(account, id)).state, state)
  for (const version of events.keys()) {
    const past = foldOf(fresh.account, events.slice(0, version))
    assert.deepEqual((await late.load(fresh.account, id, { version })).state, past)
  }
}

async function assertSameRows(
  apps: readonly Opened[],
  fresh: Opened,
  tenant: string,
  live: typeof balances,
  rebuilt: typeof balances,
): Promise<void> {
  const { rows } = await fresh.app.forTenant(tenant).view(rebuilt).list()
  for (const { app } of apps) assert.deepEqual((await app.forTenant(tenant).view(live).list()).rows, rows, `the rows of ${live.name}`)
}

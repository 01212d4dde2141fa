/**
 * Random histories: whatever is done, in whatever order, by two apps over one store, with any snapshot policy, live state =
 * state from a snapshot = fold of the events, and live rows = rows built from zero.
 *
 * A failing run prints its seed and path: put them into `fc.assert(…, { seed, path })` to see it again.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { testClock } from '../../src/testing/test-clock.ts'
import { balances } from '../domain/bank.ts'
import { storesByName } from '../runtime/on-every-store.ts'
import { all, foldOf } from '../runtime/open-bank.ts'
import {
  type Answer,
  bankWith,
  Model,
  openApp,
  type Policy,
  policies,
  type Request,
  rebuiltBalances,
  rebuiltTotal,
  requests,
  teller,
  total,
} from './random-bank.ts'

const budgets: Readonly<Record<string, { readonly numRuns: number; readonly interruptAfterTimeLimit: number }>> = {
  memory: { numRuns: 500, interruptAfterTimeLimit: 2_500 },
  sqlite: { numRuns: 250, interruptAfterTimeLimit: 2_500 },
}

type Opened = ReturnType<typeof openApp>

async function answerOf({ app }: Opened, { command, tenant, id, amounts }: Request): Promise<Answer> {
  const outcome = await app.forTenant(tenant).attempt({ command, input: { id, amounts } }, { actor: teller })
  if (!outcome.ok) return { no: outcome.rejection.code, details: outcome.rejection.details }
  return { events: outcome.receipt.events.map(({ type }) => type), version: outcome.receipt.version }
}

/** What must hold after any history, however it came about. */
async function assertConsistent(apps: readonly Opened[], fresh: Opened, { views }: Policy): Promise<void> {
  for (const tenant of ['', 'acme']) {
    const late = fresh.app.forTenant(tenant)
    for (const id of ['a', 'b', 'c']) {
      const events = await all(late.history(fresh.account, id))
      assert.deepEqual(
        events.map(({ version }) => version),
        events.map((_, i) => i + 1),
      )
      const state = foldOf(fresh.account, events)
      for (const { app } of [...apps, fresh]) assert.deepEqual((await app.forTenant(tenant).load(fresh.account, id)).state, state)
      for (let version = 0; version < events.length; version++) {
        const past = foldOf(fresh.account, events.slice(0, version)) as { balance?: number }
        assert.deepEqual((await late.load(fresh.account, id, { version })).state, past)
      }
    }
    const pairs = views
      ? ([
          [balances, rebuiltBalances],
          [total, rebuiltTotal],
        ] as const)
      : []
    for (const [live, rebuilt] of pairs) {
      const rows = (
        await apps[0]!.app
          .forTenant(tenant)
          .view(live as typeof balances)
          .list()
      ).rows
      assert.deepEqual(rows, (await late.view(rebuilt as typeof balances).list()).rows, `the rows of ${live.name}`)
    }
  }
  for (const { signals } of [...apps, fresh]) {
    assert.deepEqual(signals.of('snapshot.mismatch'), [])
    assert.deepEqual(signals.of('snapshot.failed'), [])
  }
}

type Step = { readonly app: 0 | 1 } & (
  | { readonly kind: 'request'; readonly request: Request }
  | { readonly kind: 'restart' }
  | { readonly kind: 'wait'; readonly minutes: number }
  | { readonly kind: 'snapshot'; readonly id: string }
  | { readonly kind: 'transaction'; readonly requests: readonly Request[]; readonly undone: boolean }
)
const app = fc.constantFrom(0 as const, 1 as const)
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: fc.record({ kind: fc.constant('request' as const), app, request: requests }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), app }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), app, minutes: fc.constantFrom(1, 2, 31) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('snapshot' as const), app, id: fc.constantFrom('a', 'b', 'c') }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('transaction' as const),
        app,
        requests: fc.array(requests, { minLength: 1, maxLength: 3 }),
        undone: fc.boolean(),
      }),
    },
  ),
  { minLength: 1, maxLength: 40 },
)

for (const [store, budget] of Object.entries(budgets)) {
  test(`${store}: one after the other, every answer is the model's, and every fold agrees with every other`, async () => {
    const property = fc.asyncProperty(policies, steps, async (policy, steps) => {
      const opened: Opened[] = []
      const clock = testClock(undefined, async () => {
        for (const { app } of opened) await app.idle()
      })
      const on = storesByName[store]!({ clock })
      const bank = bankWith(policy)
      const model = new Model()
      opened.push(openApp(on, clock, policy, bank), openApp(on, clock, policy, bank))
      for (const step of steps) {
        const { app } = opened[step.app]!
        if (step.kind === 'request') assert.deepEqual(await answerOf(opened[step.app]!, step.request), model.execute(step.request))
        else if (step.kind === 'wait') await clock.advance({ minutes: step.minutes })
        else if (step.kind === 'snapshot') await app.snapshots(bank.account, step.id).take()
        else if (step.kind === 'restart') {
          await app.stop({ keepStore: true })
          opened[step.app] = openApp(on, clock, policy, bank)
        } else {
          const tenant = step.requests[0]!.tenant
          const inside = step.requests.map((request) => ({ ...request, tenant }))
          const before = structuredClone([...model.accounts])
          const done = app.forTenant(tenant).transaction(async (tx) => {
            for (const request of inside) {
              const { command, id, amounts } = request
              const outcome = await tx.attempt({ command, input: { id, amounts } }, { actor: teller })
              const expected = model.execute(request)
              assert.equal(outcome.ok, 'version' in expected)
              if (outcome.ok && 'version' in expected) assert.equal(outcome.receipt.version, expected.version)
            }
            if (step.undone) throw new Error('undone')
          })
          if (step.undone) await assert.rejects(done, /undone/)
          else await done
          if (step.undone) for (const [key, account] of before) model.accounts.set(key, account)
          if (step.undone) for (const key of model.accounts.keys()) if (!before.some(([known]) => known === key)) model.accounts.delete(key)
        }
      }
      for (const [key, { balance, status, version }] of model.accounts) {
        const [tenant, id] = key.split('/') as [string, string]
        const loaded = await opened[0]!.app.forTenant(tenant).load(bank.account, id)
        assert.deepEqual([loaded.version, loaded.state.status], [version, status])
        if (loaded.state.status === 'open') assert.equal(loaded.state.balance, balance)
      }
      await assertConsistent(opened, openApp(on, clock, policy, bank, [rebuiltBalances, rebuiltTotal]), policy)
      await on.close()
    })
    await fc.assert(property, budget)
  })

  test(`${store}: at the same time, by two apps, each answer rests on a state that there was, and nothing is lost or doubled`, async () => {
    const waves = fc.array(fc.array(fc.tuple(app, requests), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 5 })
    const property = fc.asyncProperty(policies, waves, async (policy, waves) => {
      const clock = testClock()
      const on = storesByName[store]!({ clock })
      const bank = bankWith(policy)
      const opened = [openApp(on, clock, policy, bank), openApp(on, clock, policy, bank)]
      const answers: (readonly [Request, Answer])[] = []
      for (const wave of waves) {
        answers.push(...(await Promise.all(wave.map(async ([app, request]) => [request, await answerOf(opened[app]!, request)] as const))))
      }
      for (const tenant of ['', 'acme']) {
        for (const id of ['a', 'b', 'c']) {
          const own = answers.filter(([request]) => request.tenant === tenant && request.id === id)
          const history = await all(opened[0]!.app.forTenant(tenant).history(bank.account, id))
          const states = [...history.keys(), history.length].map(
            (version) => foldOf(bank.account, history.slice(0, version)) as { status: string; balance?: number },
          )
          assert.ok(
            states.every(({ balance = 0 }) => balance >= 0),
            'no prefix of the history is overdrawn',
          )
          const accepted = own
            .flatMap(([, answer]) => ('version' in answer && answer.events.length > 0 ? [answer] : []))
            .sort((a, b) => a.version - b.version)
          assert.deepEqual(
            accepted.flatMap(({ events }) => events),
            history.map(({ type }) => type),
            'the accepted commands, in the order of their versions, are the history',
          )
          for (const [, answer] of own) {
            if (!('no' in answer)) continue
            const { status, balance } = (answer.details ?? {}) as { readonly status?: string; readonly balance?: number }
            if (answer.no === 'NotOpen') assert.ok(states.some((state) => state.status === status))
            if (answer.no === 'InsufficientFunds') assert.ok(states.some((state) => state.status === 'open' && state.balance === balance))
            if (answer.no === 'AlreadyOpen') assert.ok(states.some((state) => state.status !== 'none'))
          }
        }
      }
      await Promise.all(opened.map(({ app }) => app.idle()))
      await assertConsistent(opened, openApp(on, clock, policy, bank, [rebuiltBalances, rebuiltTotal]), policy)
      await on.close()
    })
    await fc.assert(property, budget)
  })
}

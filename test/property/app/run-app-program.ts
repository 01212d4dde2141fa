/** Runs a program on two apps and on the model, side by side: every answer is the same, and so is what has happened in the end. */
import assert from 'node:assert/strict'
import { type TestClock, testClock } from '../../../src/testing/test-clock.ts'
import { logOf } from '../../stores/support.ts'
import { meant } from '../expected-version.ts'
import { undoneOrNot } from '../undone.ts'
import type { By, World } from '../worlds.ts'
import { AppModel, type AppRequest } from './app-model.ts'
import { type AppStep, type AppWish, accountIds, beginning, type RequestStep, type TransactionStep, tenantNames } from './app-steps.ts'
import { ask, refusalIn } from './ask-app.ts'
import { assertConsistent } from './assert-consistent.ts'
import { accountOf, bankRules } from './bank-rules.ts'
import { courseRules } from './course-rules.ts'
import { outsidersAppend, outsidersEvent } from './outsider.ts'
import { bankWith, openApp, type Policy, rebuiltBalances, rebuiltTotal } from './random-bank.ts'

export async function runAppProgram(open: (clock: TestClock) => World, policy: Policy, program: readonly AppStep[]): Promise<void> {
  const clock = testClock(undefined, async () => {
    for (const { app } of apps) await app.idle()
  })
  const world = open(clock)
  const bank = bankWith(policy)
  const model = new AppModel({ ...bankRules, ...courseRules })
  const openOne = (by: By) => openApp(world.store(by), clock, policy, bank)
  const apps = [openOne(0), openOne(1)]
  const asked: (RequestStep | TransactionStep)[] = []
  /** What was answered first under a key: a later answer is the same to the last letter. */
  const firstOutcomes = new Map<string, object>()
  try {
    for (const one of beginning) await request(0, one)
    for (const step of program) await runStep(step)
    await assertSameHistory()
    apps.push(openApp(world.store(0), clock, policy, bank, [rebuiltBalances, rebuiltTotal]))
    await assertConsistent(apps.slice(0, 2), apps[2]!, policy)
  } finally {
    for (const { app } of apps) await app.stop({ keepStore: true })
    await world.close()
  }

  async function runStep({ by, ...step }: AppStep): Promise<void> {
    switch (step.kind) {
      case 'request':
        asked.push(step)
        return request(by, expecting(step.request))
      case 'transaction':
        asked.push(step)
        return transaction(by, step)
      case 'repeat': {
        const again = asked.at(-1 - step.ago)
        return again && runStep({ ...again, by })
      }
      case 'outside': {
        // Rows are kept by apps: who goes past them leaves the rows behind.
        if (policy.views && step.event.type === 'MoneyDeposited') return
        await world.store(by).append([outsidersAppend(step.tenant, step.event)])
        return model.happen([outsidersEvent(step.tenant, step.event)])
      }
      case 'snapshot':
        await apps[by]!.app.forTenant(step.tenant).snapshots(bank.account, step.id).take()
        return
      case 'wait':
        return clock.advance({ minutes: step.minutes })
      case 'restart':
        await apps[by]!.app.stop({ keepStore: true })
        await world.reopen(by)
        apps[by] = openOne(by)
    }
  }

  function expecting({ expectedVersion, ...wish }: AppWish): AppRequest {
    if (expectedVersion === undefined) return wish
    return { ...wish, expectedVersion: meant(expectedVersion, model.version(wish.tenant, model.streamOf(wish))) }
  }

  async function request(by: By, wanted: AppRequest): Promise<void> {
    const { answer, outcome } = await ask(apps[by]!.app.forTenant(wanted.tenant), wanted)
    assert.deepEqual(answer, model.execute(wanted, clock.now()))
    if (wanted.idempotencyKey === undefined || !outcome || !('duplicate' in answer)) return
    const key = JSON.stringify([wanted.tenant, wanted.idempotencyKey])
    if (!answer.duplicate) firstOutcomes.set(key, outcome)
    const first = firstOutcomes.get(key)
    if (first) assert.deepEqual(asDuplicate(outcome), asDuplicate(first))
  }

  async function transaction(by: By, { tenant, requests, isUndone = false, idempotencyKey }: TransactionStep): Promise<void> {
    // A key belongs to one request, so none of the commands inside has that of the transaction itself.
    const wishes = requests.map(({ idempotencyKey: key, ...wish }) => ({
      ...wish,
      ...(key && key !== idempotencyKey ? { idempotencyKey: key } : {}),
      tenant,
    }))
    const options = idempotencyKey === undefined ? {} : { idempotencyKey, input: wishes }
    const app = apps[by]!.app.forTenant(tenant)
    const known = model.recall(tenant, idempotencyKey, ['transaction', wishes], clock.now())
    if (known) {
      const answer = await app.transaction(async () => assert.fail('it runs again'), options).catch(refusalIn)
      return assert.deepEqual(answer, known)
    }
    // What is answered first in here has no position yet.
    firstOutcomes.clear()
    const result = await undoneOrNot(model, isUndone, (end) =>
      app.transaction(async (tx) => {
        for (const wish of wishes) {
          const wanted = expecting(wish)
          const { answer } = await ask(tx, wanted)
          assert.deepEqual(answer, model.execute(wanted, clock.now(), true))
        }
        end()
        return wishes.length
      }, options),
    )
    if (isUndone) return
    const expected = { value: wishes.length, duplicate: false }
    assert.deepEqual(result, idempotencyKey === undefined ? expected.value : expected)
    model.remember(tenant, idempotencyKey, ['transaction', wishes], expected, clock.now())
  }

  async function assertSameHistory(): Promise<void> {
    const log = await logOf(world.store(0))
    const what = ({ tenant, stream, type }: (typeof log)[number] | (typeof model.kept.log)[number]) => [tenant, stream, type]
    assert.deepEqual(log.map(what), model.kept.log.map(what))
    for (const tenant of tenantNames) {
      for (const id of accountIds) {
        const expected = accountOf(model.stream(tenant, `account-${id}`))
        const { state } = await apps[0]!.app.forTenant(tenant).load(bank.account, id)
        assert.deepEqual(
          [state.status, state.status === 'open' && state.balance],
          [expected.status, expected.status === 'open' && expected.balance],
        )
      }
    }
  }
}

/** An outcome as it is told to somebody who asks again. */
function asDuplicate(outcome: { readonly receipt?: object }): object {
  return outcome.receipt ? { ...outcome, receipt: { ...outcome.receipt, duplicate: true } } : { ...outcome, duplicate: true }
}

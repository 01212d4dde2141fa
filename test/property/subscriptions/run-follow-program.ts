/** Runs a program on two apps, lets everything come to its end, and looks at what has become of it. */
import type { EventStore } from '../../../src/core/event-store.ts'
import { eventHandler } from '../../../src/index.ts'
import { type TestClock, testApp, testClock } from '../../../src/testing/index.ts'
import * as bank from '../../domain/bank.ts'
import { turns } from '../../runtime/in-front-of.ts'
import { sums } from '../../runtime/subscriptions/follow.ts'
import type { By, World } from '../worlds.ts'
import { assertSettled, type Delivered } from './assert-settled.ts'
import type { FollowStep } from './follow-steps.ts'
import { tolerate, troubled } from './troubled-store.ts'

const ann = { id: 'ann', roles: ['teller'] }
const { openAccount, deposit, withdraw, closeAccount, requestTransfer, completeTransfer, failTransfer } = bank
const commands = [openAccount, deposit, withdraw, closeAccount, requestTransfer, completeTransfer, failTransfer]

function openApp(store: EventStore, clock: TestClock, partitions: number, delivered: Delivered[]) {
  const witness = eventHandler('witness', {
    events: [bank.MoneyDeposited, bank.MoneyWithdrawn],
    partitions,
    handle: ({ stream, version }) => void delivered.push({ stream, version }),
  })
  return testApp({
    store,
    clock,
    commands,
    projections: [{ ...sums, partitions }],
    handlers: [witness],
    processes: [{ ...bank.transferMoney, partitions }],
    random: () => 0,
    // The program says when.
    defaults: { subscriptions: { audit: { every: { days: 1 } } } },
  })
}

type FollowApp = ReturnType<typeof openApp>

export async function runFollowProgram(open: (clock: TestClock) => World, program: readonly FollowStep[]): Promise<void> {
  const clock = testClock()
  const world = open(clock)
  const delivered: Delivered[] = []
  const sides = ([0, 1] as const).map((by) => ({ ...troubled(world.store(by)), app: undefined as FollowApp | undefined }))
  const side = (by: By) => sides[by] as (typeof sides)[number]
  const audits: (Promise<unknown> | undefined)[] = []
  let transfers = 0

  async function start(by: By, partitions: number): Promise<void> {
    const one = side(by)
    one.trouble.thaw()
    await one.app?.stop({ keepStore: true })
    one.app = openApp(one.store, clock, partitions, delivered)
    await one.app.start().catch(tolerate) // it looks again by itself
  }

  async function execute(by: By, call: { readonly command: string; readonly input: unknown }): Promise<void> {
    const asking = side(by).app?.attempt({ command: call.command, input: call.input }, { actor: ann })
    await asking?.catch(tolerate)
  }

  async function take(step: FollowStep): Promise<void> {
    switch (step.kind) {
      case 'deposit':
        return execute(step.by, deposit({ accountId: step.account, amount: step.amount }))
      case 'withdraw':
        return execute(step.by, withdraw({ accountId: step.account, amount: step.amount }))
      case 'transfer':
        return execute(step.by, requestTransfer({ transferId: `t${++transfers}`, from: step.from, to: step.to, amount: step.amount }))
      case 'close':
        return execute(step.by, closeAccount({ accountId: step.account, reason: 'moved' }))
      case 'fail':
        return side(step.by).trouble.fail(step.call, step.when)
      case 'freeze':
        return side(step.by).trouble.freeze()
      case 'thaw':
        return side(step.by).trouble.thaw()
      // Frozen in the middle of its work, for so long that somebody else does it; then there is more of it, and then it wakes up.
      case 'oversleep': {
        const { by, account, amount } = step
        const pays = (one: By) => take({ kind: 'deposit', by: one, account, amount })
        const others = (1 - by) as By
        await take({ kind: 'freeze', by })
        await pays(others)
        await take({ kind: 'pass', seconds: 31 })
        await pays(others)
        await turns(30)
        return take({ kind: 'thaw', by })
      }
      case 'restart':
        return start(step.by, step.partitions)
      case 'pass':
        // What was looked at is compared with the log, beside everything else.
        for (const { app } of sides) audits.push(app?.subscriptions.audit().catch(tolerate))
        // No further than a third of a lease at once: in between, everybody who lives can say so.
        for (let left = step.seconds; left > 0; left -= 3) {
          await clock.advance({ seconds: Math.min(3, left) })
          await turns(30)
        }
        return
      case 'turns':
        return turns(step.count)
    }
  }

  /** Leases and timers run out, and everything that is left is done. */
  async function settle(): Promise<void> {
    for (const { trouble } of sides) trouble.end()
    for (let third = 0; third < 18; third++) {
      await clock.advance({ milliseconds: 3400 })
      for (const { app } of sides) await app?.settle()
    }
    await Promise.all(audits)
    for (const { app } of sides) await app?.subscriptions.audit()
  }

  try {
    await start(0, 1)
    await start(1, 2)
    for (const accountId of ['a', 'b', 'c']) await execute(0, openAccount({ accountId, owner: 'ann' }))
    await execute(0, deposit({ accountId: 'a', amount: 100 }))
    for (const step of program) await take(step)
    await settle()
    await assertSettled(world.store(0), delivered)
  } finally {
    for (const { trouble, app } of sides) {
      trouble.end()
      await app?.stop({ keepStore: true })
    }
    await world.close()
  }
}

/** Scenarios: given, when, then; and that a wrong expectation fails with both sides in its message. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { actors, command, decision, event, reject } from '../../src/index.ts'
import { ScenarioFailedError, scenario } from '../../src/testing/index.ts'
import {
  Account,
  AccountClosed,
  AccountOpened,
  closeAccount,
  deposit,
  MoneyDeposited,
  MoneyWithdrawn,
  openAccount,
  withdraw,
} from '../domain/bank.ts'

const ann = { id: 'ann', roles: [] }
const opened = () => scenario(Account).given(AccountOpened({ owner: 'ann' }), MoneyDeposited({ amount: 10 }))
const teller = { actor: { id: 'tom', roles: ['teller'] } }

test('each kind of outcome has its expectation, and holds where it is true', async () => {
  await opened()
    .when(deposit({ accountId: 'a', amount: 5 }))
    .thenEvents(MoneyDeposited({ amount: 5 }))
  await opened()
    .when(withdraw({ accountId: 'a', amount: 50 }), { actor: ann })
    .thenRejected('InsufficientFunds')
  await opened()
    .when(withdraw({ accountId: 'a', amount: 50 }), { actor: ann })
    .thenRejected('InsufficientFunds', { balance: 10 })
  await opened()
    .when(withdraw({ accountId: 'a', amount: 5 }))
    .thenForbidden()
  await opened()
    .when(withdraw({ accountId: 'a', amount: 50_000 }), { actor: ann })
    .thenInvalid('daily limit')
  await opened()
    .when(withdraw({ accountId: 'a', amount: -1 }), { actor: ann })
    .thenInvalid()
  await scenario(Account)
    .given(AccountOpened({ owner: 'ann' }), AccountClosed({ reason: 'x', closedBy: 'y' }))
    .when(closeAccount({ accountId: 'a', reason: 'z' }), teller)
    .thenNothing()
  await scenario(Account)
    .given()
    .when(openAccount({ accountId: 'a', owner: 'bob' }))
    .thenEvents(AccountOpened({ owner: 'bob' }))
})

test('each expectation fails where it is not true, and says what was expected and what came', async () => {
  const pay = () => opened().when(deposit({ accountId: 'a', amount: 5 }))
  const failing: readonly [Promise<void>, RegExp][] = [
    [
      pay().thenEvents(MoneyDeposited({ amount: 6 })),
      /Deposit: expected events MoneyDeposited {"amount":6}\n.*but got events MoneyDeposited {"amount":5}/,
    ],
    [pay().thenEvents(), /expected events none\n.*but got events MoneyDeposited/],
    [pay().thenEvents(MoneyDeposited({ amount: 5 }), MoneyDeposited({ amount: 5 })), /but got events MoneyDeposited {"amount":5}$/],
    [pay().thenNothing(), /expected no events\n.*but got events MoneyDeposited/],
    [pay().thenRejected('AccountNotOpen'), /expected a rejection AccountNotOpen\n.*but got events/],
    [pay().thenForbidden(), /expected to be forbidden\n.*but got events/],
    [pay().thenInvalid('amount'), /expected to be invalid: amount\n.*but got events/],
    [
      opened()
        .when(withdraw({ accountId: 'a', amount: 50 }), { actor: ann })
        .thenRejected('InsufficientFunds', { balance: 11 }),
      /{"balance":11}\n.*but got a rejection InsufficientFunds {"balance":10}/,
    ],
    [
      opened()
        .when(withdraw({ accountId: 'a', amount: 50 }), { actor: ann })
        .thenEvents(MoneyWithdrawn({ amount: 50 })),
      /but got a rejection InsufficientFunds/,
    ],
    [
      opened()
        .when(withdraw({ accountId: 'a', amount: 5 }))
        .thenEvents(MoneyWithdrawn({ amount: 5 })),
      /but got ForbiddenError: The actor may not execute Withdraw/,
    ],
    [
      opened()
        .when(withdraw({ accountId: 'a', amount: 50_000 }), { actor: ann })
        .thenInvalid('weekly'),
      /invalid: weekly\n.*daily limit/,
    ],
    [
      opened()
        .when(withdraw({ accountId: 'a', amount: 50_000 }), { actor: ann })
        .thenForbidden(),
      /but got ValidationError/,
    ],
  ]
  for (const [failure, message] of failing)
    await assert.rejects(failure, (error: Error) => error instanceof ScenarioFailedError && message.test(error.message))
})

test('it is given a time, an actor and a context, and without an actor a test one without roles', async () => {
  const Noted = event('Noted', z.object({ at: z.string(), who: z.string(), why: z.unknown() }))
  const note = command('Note', {
    input: z.object({}),
    stream: () => 'note-1',
    decide: ({ now, actor, context }) => Noted({ at: now.toISOString(), who: `${actor.id} [${actor.roles}]`, why: context.why ?? null }),
  })
  await scenario(note)
    .given()
    .when(note({}))
    .thenEvents(Noted({ at: '2030-01-01T00:00:00.000Z', who: 'test []', why: null }))
  await scenario(note)
    .given()
    .when(note({}), { ...teller, now: new Date('2031-05-05T05:05:05Z'), context: { why: 'because' } })
    .thenEvents(Noted({ at: '2031-05-05T05:05:05.000Z', who: 'tom [teller]', why: 'because' }))
})

test('the given events of a decision are the whole log', async () => {
  const Defined = event('CourseDefined', z.object({ courseId: z.string(), seats: z.number() }), {
    tags: ({ courseId }) => [`course:${courseId}`],
  })
  const Joined = event('StudentJoined', z.object({ courseId: z.string(), student: z.string() }), {
    tags: ({ courseId }) => [`course:${courseId}`],
  })
  const join = decision('Join', {
    input: z.object({ courseId: z.string(), student: z.string() }),
    stream: ({ courseId }) => `course-${courseId}`,
    events: [Defined, Joined],
    boundary: ({ courseId }) => [{ tags: [`course:${courseId}`] }],
    initial: () => ({ left: 0 }),
    evolve: { CourseDefined: (_, { data }) => ({ left: data.seats }), StudentJoined: ({ left }) => ({ left: left - 1 }) },
    decide: ({ state, input }) => (state.left > 0 ? Joined(input) : reject('CourseFull', { left: state.left })),
  })
  const given = () =>
    scenario(join).given(
      Defined({ courseId: '1', seats: 1 }),
      Defined({ courseId: '2', seats: 0 }),
      Joined({ courseId: '1', student: 'ann' }),
    )
  await given()
    .when(join({ courseId: '1', student: 'bob' }))
    .thenRejected('CourseFull', { left: 0 })
  await scenario(join)
    .given(Defined({ courseId: '1', seats: 1 }))
    .when(join({ courseId: '1', student: 'ann' }))
    .thenEvents(Joined({ courseId: '1', student: 'ann' }))
})

test('an actor type of your own is checked as in an app', async () => {
  const mine = actors(z.object({ staffNo: z.number() }))
  const Opened = event('DoorOpened', z.object({ by: z.number() }))
  const openDoor = mine.command('OpenDoor', {
    input: z.object({}),
    stream: () => 'door-1',
    decide: ({ actor }) => Opened({ by: actor.staffNo }),
  })
  await scenario(openDoor)
    .given()
    .when(openDoor({}), { actor: { staffNo: 7 } })
    .thenEvents(Opened({ by: 7 }))
  await scenario(openDoor).given().when(openDoor({})).thenInvalid('staffNo')
})

test('the command runs once, however often it is looked at', async () => {
  let decided = 0
  const Done = event('Done', z.object({}))
  const once = command('Once', {
    input: z.object({}),
    stream: () => 'once-1',
    decide: () => {
      decided++
      return Done({})
    },
  })
  const then = scenario(once).given().when(once({}))
  await then.thenEvents(Done({}))
  await then.thenEvents(Done({}))
  await assert.rejects(then.thenNothing())
  assert.equal(decided, 1)
  assert.equal((then as { then?: unknown }).then, undefined)
})

test('a given event that no definition has made is refused', async () => {
  const strange = { type: 'Strange', data: {} } as never
  await assert.rejects(
    scenario(Account)
      .given(strange)
      .when(openAccount({ accountId: 'a', owner: 'x' }))
      .thenNothing(),
    /Strange/,
  )
})

test('an event that a command may not decide on is told as what it is: an error', async () => {
  const Foreign = event('Foreign', z.object({}))
  const wrong = command(Account, 'Wrong', { input: z.object({}), id: () => 'a', decide: () => Foreign({}) as never })
  await assert.rejects(scenario(Account).given().when(wrong({})).thenNothing(), /Foreign.*is not an event of aggregate account/)
})

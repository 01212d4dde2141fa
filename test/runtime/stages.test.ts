import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { aggregate, command, createApp, event, eventHandler, processManager } from '../../src/index.ts'
import { memory } from '../../src/stores/memory/index.ts'
import * as bankModule from '../domain/bank.ts'
import { Account, closeAccount, deposit, MoneyDeposited, openAccount, withdraw } from '../domain/bank.ts'
import { type Given, onEveryStore } from './on-every-store.ts'
import { ann, openBank, openWith, teller } from './open-bank.ts'

const by = { actor: ann }

/** A promise of its own kind, as query builders make them. */
// biome-ignore lint/suspicious/noThenProperty: that is the point
const promising = <T>(value: T) => ({ then: (settle: (value: T) => void) => settle(value) })

/** A command whose stages say that they ran, and what they saw. */
function observed(fails: 'input' | 'authorize' | 'validate' | 'nothing', slow: boolean) {
  const steps: string[] = []
  const later = <T>(value: T): T | Promise<T> => (slow ? new Promise((resolve) => setImmediate(() => resolve(value))) : value)
  const step = (name: string, state: { status: string }) => steps.push(`${name} ${state.status}`)
  const pay = command(Account, 'Pay', {
    input: z.object({ accountId: z.string() }).refine(() => steps.push('input') > 0 && fails !== 'input', 'not today'),
    id: ({ accountId }) => accountId,
    authorize: ({ state }) => later(step('authorize', state) > 0 && fails !== 'authorize'),
    validate: ({ state }) => later(step('validate', state) > 0 && fails === 'validate' ? ['not now', 'not ever'] : undefined),
    decide: ({ state }) => {
      step('decide', state)
      return MoneyDeposited({ amount: 1 })
    },
  })
  return { pay, steps }
}

const openObserved = ({ store, clock, tend }: Given, ...commands: readonly ReturnType<typeof observed>['pay'][]) =>
  tend(createApp({ store, clock, commands: [openAccount, ...commands] as never })) as unknown as ReturnType<typeof openBank>

for (const slow of [false, true]) {
  const how = slow ? 'asynchronous' : 'synchronous'
  onEveryStore(`${how} stages run in order, each on the state that decide sees, and the first "no" ends it`, async (given) => {
    for (const [fails, steps, code] of [
      ['nothing', ['input', 'authorize open', 'validate open', 'decide open'], undefined],
      ['input', ['input'], 'ES_VALIDATION'],
      ['authorize', ['input', 'authorize open'], 'ES_FORBIDDEN'],
      ['validate', ['input', 'authorize open', 'validate open'], 'ES_VALIDATION'],
    ] as const) {
      const probe = observed(fails, slow)
      const bank = openObserved(given, probe.pay)
      await openWith(bank, fails)
      const outcome = bank.execute(probe.pay({ accountId: fails }) as never, by)
      if (code) await assert.rejects(outcome, { code })
      else await outcome
      assert.deepEqual(probe.steps, steps)
      assert.equal((await bank.load(Account, fails)).version, code ? 1 : 2)
    }
  })
}

onEveryStore('all messages of validate are told', async (given) => {
  const { pay } = observed('validate', true)
  const bank = openObserved(given, pay)
  await openWith(bank, 'a')
  await assert.rejects(bank.execute(pay({ accountId: 'a' }) as never, by), {
    code: 'ES_VALIDATION',
    issues: [
      { message: 'not now', path: [] },
      { message: 'not ever', path: [] },
    ],
  })
})

onEveryStore('an input that does not fit is refused with the path to what is wrong', async (given) => {
  const bank = openBank(given)
  await assert.rejects(bank.execute(deposit({ accountId: 'a', amount: -5 }), by), (error: unknown) => {
    const { code, issues } = error as { code: string; issues: readonly { path: readonly unknown[] }[] }
    assert.deepEqual([code, issues.map(({ path }) => path)], ['ES_VALIDATION', [['amount']]])
    return true
  })
})

onEveryStore('stages get the parsed input, not the given one', async (given) => {
  const seen: unknown[] = []
  const trim = command(Account, 'Trim', {
    input: z.object({
      accountId: z.string().trim(),
      amount: z.coerce.number().default(3),
      note: z.string().transform(async (text) => text.length),
    }),
    id: ({ accountId }) => accountId,
    authorize: ({ input }) => seen.push(input) > 0,
    decide: ({ input }) => [bankModule.AccountOpened({ owner: String(input.note) }), MoneyDeposited({ amount: input.amount })],
  })
  const app = given.tend(createApp({ store: given.store, clock: given.clock, commands: [trim] }))
  const receipt = await app.execute(trim({ accountId: ' a ', note: 'four' }), by)
  assert.deepEqual(seen, [{ accountId: 'a', amount: 3, note: 4 }])
  assert.equal(receipt.events[0]!.stream, 'account-a')
})

for (const [stage, definition] of [
  ['authorize', { authorize: () => promising(false) }],
  ['validate', { validate: () => promising(['no']) }],
] as const) {
  onEveryStore(`a "no" that ${stage} promises in its own way, as query builders do, is a "no"`, async (given) => {
    const pay = command(Account, 'Pay', {
      input: z.object({}),
      id: () => 'a',
      ...(definition as object),
      decide: () => MoneyDeposited({ amount: 1 }),
    })
    const app = given.tend(createApp({ store: given.store, clock: given.clock, commands: [pay] }))
    await assert.rejects(app.execute(pay({}), by), { code: stage === 'validate' ? 'ES_VALIDATION' : 'ES_FORBIDDEN' })
  })
}

onEveryStore('a "yes" that authorize promises in its own way is a "yes", and anything but true is a "no"', async (given) => {
  let answer: unknown
  const pay = command(Account, 'Pay', {
    input: z.object({}),
    id: () => 'a',
    authorize: (() => answer) as never,
    decide: () => MoneyDeposited({ amount: 1 }),
  })
  const app = given.tend(createApp({ store: given.store, clock: given.clock, commands: [pay] }))
  for (answer of [undefined, null, 1, 'yes', {}, Promise.resolve('yes')])
    await assert.rejects(app.execute(pay({}), by), { code: 'ES_FORBIDDEN' })
  answer = promising(true)
  assert.equal((await app.execute(pay({}), by)).version, 1)
})

onEveryStore('a decide that returns a promise of its own kind is refused, too', async (given) => {
  const pay = command(Account, 'Pay', { input: z.object({}), id: () => 'a', decide: (() => promising([])) as never })
  const app = given.tend(createApp({ store: given.store, clock: given.clock, commands: [pay] }))
  await assert.rejects(app.execute(pay({}), by), { code: 'ES_DEFINITION', message: /synchronous/ })
})

onEveryStore('what authorize and validate throw reaches the caller as it is', async (given) => {
  const error = new Error('the directory is down')
  for (const stage of ['authorize', 'validate'] as const) {
    for (const fail of [
      () => Promise.reject(error),
      () => {
        throw error
      },
    ]) {
      const app = given.tend(createApp({ store: given.store, clock: given.clock, commands: [openAccount], [stage]: fail as never }))
      await assert.rejects(app.execute(openAccount({ accountId: 'a', owner: 'ann' }), by), (thrown) => thrown === error)
    }
  }
})

// ── what an app falls back on ──

onEveryStore('the apps authorize and validate are for commands that have none of their own', async (given) => {
  const asked: string[] = []
  const bank = openBank(given, {
    authorize: ({ command }) => asked.push(`authorize ${command}`) > 0,
    validate: async ({ command }) => void asked.push(`validate ${command}`),
  })
  await openWith(bank, 'a', 5)
  await bank.execute(withdraw({ accountId: 'a', amount: 1 }), by)
  await bank.execute(closeAccount({ accountId: 'a', reason: 'moved' }), { actor: teller })
  assert.deepEqual(asked, [
    'authorize OpenAccount',
    'validate OpenAccount',
    'authorize Deposit',
    'validate Deposit',
    'validate CloseAccount',
  ])
})

onEveryStore('the "no" of the apps own rules is like that of a command', async (given) => {
  const closed = openBank(given, { authorize: () => false })
  await assert.rejects(closed.execute(openAccount({ accountId: 'a', owner: 'ann' }), by), { code: 'ES_FORBIDDEN', command: 'OpenAccount' })
  const strict = openBank(given, { validate: () => ['closed today'] })
  await assert.rejects(strict.execute(openAccount({ accountId: 'a', owner: 'ann' }), by), { code: 'ES_VALIDATION' })
})

test('with requireAuthorize, a command that anybody may execute is a mistake that is found at start', () => {
  const commands = [openAccount, deposit, withdraw]
  assert.throws(() => createApp({ store: memory(), commands, requireAuthorize: true }), {
    code: 'ES_DEFINITION',
    message: /OpenAccount, Deposit\.$/,
  })
  createApp({ store: memory(), commands: [withdraw, closeAccount], requireAuthorize: true })
  createApp({ store: memory(), commands, requireAuthorize: true, authorize: () => true })
})

// ── commands as plain data, and as modules ──

onEveryStore('a command as plain data is parsed and executed like a call', async (given) => {
  const bank = openBank(given)
  await bank.execute({ command: 'OpenAccount', input: { accountId: 'a', owner: 'ann' } }, by)
  const { events } = await bank.execute(JSON.parse('{"command":"Deposit","input":{"accountId":"a","amount":5}}'), by)
  assert.deepEqual(
    events.map(({ type, data }) => [type, data]),
    [['MoneyDeposited', { amount: 5 }]],
  )
  await assert.rejects(bank.execute({ command: 'Deposit', input: { accountId: 'a', amount: '5' } }, by), { code: 'ES_VALIDATION' })
  await assert.rejects(bank.execute({ command: 'Deposit', input: null }, by), { code: 'ES_VALIDATION' })
})

onEveryStore('an unknown command is refused with the one that was probably meant', async (given) => {
  const bank = openBank(given)
  for (const [name, suggestion] of [
    ['Depositt', 'Deposit'],
    ['deposit', 'Deposit'],
    ['WithDrw', 'Withdraw'],
    ['CloseAcount', 'CloseAccount'],
    ['Bake', undefined],
    ['constructor', undefined],
    ['', undefined],
  ] as const) {
    await assert.rejects(bank.execute({ command: name, input: {} }, by), { code: 'ES_UNKNOWN_COMMAND', command: name, suggestion })
  }
  await assert.rejects(bank.attempt({ command: 'Bake', input: {} }, by), {
    message: /this app has OpenAccount, Deposit, Withdraw, CloseAccount\.$/,
  })
})

onEveryStore('what is not a command is refused as such', async (given) => {
  const bank = openBank(given)
  for (const rubbish of [undefined, null, 'Deposit', 7, {}, { type: 'Deposit' }, { command: 7 }, deposit] as never[])
    await assert.rejects(bank.execute(rubbish, by), (error: unknown) =>
      ['ES_VALIDATION', 'ES_UNKNOWN_COMMAND'].includes((error as { code: string }).code),
    )
})

onEveryStore('a call of a command that is not registered is refused with a suggestion, one of a namesake as a mistake', async (given) => {
  const bank = openBank(given)
  const spelt = command(Account, 'Deposits', { input: z.object({}), id: () => 'a', decide: () => [] })
  await assert.rejects(bank.execute(spelt({}) as never, by), { code: 'ES_UNKNOWN_COMMAND', suggestion: 'Deposit' })
  const namesake = command(Account, 'Deposit', { input: z.object({}), id: () => 'a', decide: () => [] })
  await assert.rejects(bank.execute(namesake({}) as never, by), {
    code: 'ES_DEFINITION',
    message: /Two different commands are called Deposit/,
  })
})

onEveryStore('a module is as good as a list: what is not a command in it is left alone', async (given) => {
  const app = given.tend(
    createApp({ store: given.store, clock: given.clock, commands: bankModule, projections: bankModule, events: bankModule }),
  )
  await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), by)
  assert.deepEqual(await app.view(bankModule.balances).get('a'), { owner: 'ann', balance: 0 })
})

test('mistakes in what an app is made of are found before the first command', () => {
  const other = aggregate('account', {
    events: [MoneyDeposited],
    initial: () => 0,
    evolve: { MoneyDeposited: (sum) => sum + 1 },
  })
  const twin = command(Account, 'Deposit', { input: z.object({}), id: () => 'a', decide: () => [] })
  const rival = command(other, 'Rival', { input: z.object({}), id: () => 'a', decide: () => [] })
  const mistake = (message: RegExp) => ({ code: 'ES_DEFINITION', message })
  assert.throws(() => createApp({ store: memory(), commands: [deposit, twin] as never }), mistake(/two parts called Deposit/))
  assert.throws(() => createApp({ store: memory(), commands: [deposit, rival] }), mistake(/Two different aggregates are called account/))
  assert.throws(
    () => createApp({ store: memory(), commands: [deposit, MoneyDeposited] as never }),
    mistake(/commands\[1\].*is not a command/),
  )
  assert.throws(() => createApp({ store: memory(), commands: [deposit({ accountId: 'a', amount: 1 })] as never }), mistake(/commands\[0\]/))
  assert.throws(() => createApp({ store: {} as never, commands: [deposit] }), mistake(/needs a store/))
  assert.throws(() => createApp({ store: memory(), commands: [deposit], nodeId: -1 }), mistake(/32 bits/))
  const handler = eventHandler('same', { events: [MoneyDeposited], handle: () => {} })
  assert.throws(() => createApp({ store: memory(), commands: [], handlers: [handler, { ...handler }] }), mistake(/two parts called same/))
  const process = processManager('same', {
    events: [MoneyDeposited],
    commands: [deposit],
    correlate: ({ subject }) => subject,
    initial: () => ({}),
    evolve: {},
    on: {},
  })
  assert.throws(() => createApp({ store: memory(), commands: [deposit], processes: [process, { ...process }] }), mistake(/same/))
  const { balances } = bankModule
  assert.throws(() => createApp({ store: memory(), commands: [], projections: [balances, { ...balances }] }), mistake(/balances/))
  const again = event('MoneyDeposited', z.object({ coins: z.number() }))
  assert.throws(() => createApp({ store: memory(), commands: [deposit], events: [again] }), mistake(/MoneyDeposited/))
})

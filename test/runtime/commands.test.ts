import assert from 'node:assert/strict'
import { z } from 'zod'
import { aggregate, CommandRejectedError, command, createApp, event, reject, StoreUnavailableError } from '../../src/index.ts'
import { faultStore } from '../../src/testing/index.ts'
import { Account, balances, closeAccount, deposit, openAccount, requestTransfer, Transfer, withdraw } from '../domain/bank.ts'
import {
  breakDown,
  brokenDown,
  hesitate,
  hesitateAndFail,
  oddCommands,
  openFilled,
  returnForeign,
  returnNothing,
  returnNull,
  returnRubbish,
  returnUndefined,
} from './odd-commands.ts'
import { type Given, onEveryStore } from './on-every-store.ts'
import { all, ann, counted, openBank, openWith, teller } from './open-bank.ts'

const oddBank = ({ store, clock, tend }: Given, parts: { readonly store?: Given['store'] } = {}) =>
  tend(
    createApp({
      store,
      clock,
      commands: [openAccount, deposit, withdraw, closeAccount, requestTransfer, ...oddCommands],
      projections: [balances],
      ...parts,
    }),
  )

onEveryStore('a receipt has the events as they are stored, the version and the position', async (given) => {
  const bank = openBank(given)
  await bank.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
  const receipt = await bank.execute(deposit({ accountId: 'a', amount: 5 }), { actor: ann })
  const [stored] = (await all(bank.history(Account, 'a', { after: 1 }))) as readonly (typeof receipt.events)[number][]
  assert.deepEqual(receipt, { events: [stored], version: 2, position: stored!.position, duplicate: false })
  assert.equal(stored!.type, 'MoneyDeposited')
  assert.deepEqual(stored!.data, { amount: 5 })
  assert.equal(stored!.stream, 'account-a')
  assert.equal(stored!.subject, 'a')
  assert.equal(stored!.recordedAt.getTime(), given.clock.now())
})

onEveryStore('the events of one command are stored in the order it decided on, without gaps', async (given) => {
  const bank = oddBank(given)
  const amounts = [5, 3, 8, 1]
  const receipt = await bank.execute(openFilled({ accountId: 'a', amounts }), { actor: ann })
  assert.deepEqual(
    receipt.events.map(({ version, type }) => [version, type]),
    [
      [1, 'AccountOpened'],
      [2, 'MoneyDeposited'],
      [3, 'MoneyDeposited'],
      [4, 'MoneyDeposited'],
      [5, 'MoneyDeposited'],
    ],
  )
  assert.deepEqual(
    receipt.events.slice(1).map(({ data }) => (data as { amount: number }).amount),
    amounts,
  )
  assert.deepEqual(await all(bank.history(Account, 'a')), receipt.events)
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 17 })
  // The next command sees all of them once, and none of them twice.
  const after = await bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann, returnState: true })
  assert.deepEqual([after.version, after.state], [6, { status: 'open', owner: 'ann', balance: 18 }])
})

for (const [returned, nothing] of [
  ['undefined', returnUndefined],
  ['an empty list', returnNothing],
  ['null', returnNull],
] as const) {
  onEveryStore(`a command that decides ${returned} succeeds, writes nothing and creates no stream`, async (given) => {
    const { store, calls } = counted(given.store)
    const bank = oddBank(given, { store })
    const empty = await bank.execute(nothing({ accountId: 'a' }), { actor: ann })
    assert.deepEqual(empty, { events: [], version: 0, position: 0, duplicate: false })
    assert.equal(calls['append'] ?? 0, 0)
    assert.equal(await bank.streams.info('account-a'), undefined)
    await openWith(bank as never, 'b', 1)
    assert.equal((await bank.execute(nothing({ accountId: 'b' }), { actor: ann })).version, 2)
    assert.equal((await bank.stats()).commands.empty, 2)
  })
}

onEveryStore('attempt gives a "no" as a value, execute throws it, and neither writes anything', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  const outcome = await bank.attempt(withdraw({ accountId: 'a', amount: 11 }), { actor: ann })
  assert.deepEqual(outcome, { ok: false, rejection: reject('InsufficientFunds', { balance: 10 }), duplicate: false })
  await assert.rejects(bank.execute(withdraw({ accountId: 'a', amount: 11 }), { actor: ann }), (error: unknown) => {
    assert.ok(error instanceof CommandRejectedError)
    assert.deepEqual([error.code, error.command, error.duplicate, error.retryable], ['ES_REJECTED', 'Withdraw', false, false])
    assert.deepEqual(error.rejection, reject('InsufficientFunds', { balance: 10 }))
    return true
  })
  assert.equal((await bank.load(Account, 'a')).version, 2)
  assert.equal((await bank.stats()).commands.rejected, 2)
})

onEveryStore('attempt gives an accepted command as a receipt', async (given) => {
  const bank = openBank(given)
  const outcome = await bank.attempt(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
  assert.ok(outcome.ok)
  assert.deepEqual(
    outcome.receipt.events.map(({ type }) => type),
    ['AccountOpened'],
  )
})

onEveryStore('what decide throws reaches the caller as it is, nothing is written, and the aggregate still works', async (given) => {
  const bank = oddBank(given)
  await openWith(bank as never, 'a', 10)
  for (const how of ['warm', 'again'])
    await assert.rejects(bank.execute(breakDown({ accountId: 'a' }), { actor: ann }), (error) => error === brokenDown, how)
  await assert.rejects(bank.attempt(breakDown({ accountId: 'new' }), { actor: ann }), (error) => error === brokenDown)
  assert.equal(await bank.streams.info('account-new'), undefined)
  await bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann })
  const { state, version } = await bank.load(Account, 'a')
  assert.deepEqual([state, version], [{ status: 'open', owner: 'ann', balance: 11 }, 3])
  assert.equal((await bank.stats()).commands.failed, 3)
})

onEveryStore('a decide that returns a promise is refused, whatever the promise comes to', async (given) => {
  const bank = oddBank(given)
  await openWith(bank as never, 'a')
  for (const slow of [hesitate, hesitateAndFail]) {
    await assert.rejects(bank.execute(slow({ accountId: 'a' }), { actor: ann }), { code: 'ES_DEFINITION', message: /synchronous/ })
  }
  assert.equal((await bank.load(Account, 'a')).version, 1)
})

onEveryStore('an event that is not of the aggregate is refused by name, and nothing is written', async (given) => {
  const bank = oddBank(given)
  await openWith(bank as never, 'a')
  const foreign = bank.execute(returnForeign({ accountId: 'a' }), { actor: ann })
  await assert.rejects(foreign, { code: 'ES_DEFINITION', message: /ReturnForeign returned "TransferCompleted".*aggregate account/ })
  await assert.rejects(bank.execute(returnRubbish({ accountId: 'a' }), { actor: ann }), { code: 'ES_DEFINITION', message: /ReturnRubbish/ })
  assert.equal((await bank.load(Account, 'a')).version, 1)
})

onEveryStore('an error of the store reaches the caller as it is, and the next command works', async (given) => {
  const { store, faults } = faultStore(given.store)
  const bank = oddBank(given, { store })
  await bank.prepare()
  faults.failRead(new StoreUnavailableError('test', 'the disk is gone'))
  await assert.rejects(bank.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann }), { message: 'the disk is gone' })
  await openWith(bank as never, 'a', 10)
  assert.equal((await bank.load(Account, 'a')).version, 2)
})

onEveryStore('deposits and withdrawals add up', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 1000, 500, 250)
  for (const amount of [300, 200]) await bank.execute(withdraw({ accountId: 'a', amount }), { actor: ann })
  const { state, version, exists } = await bank.load(Account, 'a')
  assert.deepEqual([state, version, exists], [{ status: 'open', owner: 'ann', balance: 1250 }, 6, true])
})

onEveryStore('two hundred commands in any order leave the sum of what was accepted', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  let expected = 0
  for (let i = 0; i < 200; i++) {
    const amount = 1 + ((i * 7919) % 13)
    const paysIn = (i * 31) % 3 !== 0
    const call = paysIn ? deposit({ accountId: 'a', amount }) : withdraw({ accountId: 'a', amount })
    const { ok } = await bank.attempt({ command: call.command, input: call.input }, { actor: ann })
    assert.equal(ok, paysIn || amount <= expected)
    if (ok) expected += paysIn ? amount : -amount
  }
  assert.deepEqual((await bank.load(Account, 'a')).state, { status: 'open', owner: 'ann', balance: expected })
  assert.deepEqual((await bank.load(Account, 'a', { cached: true })).state, { status: 'open', owner: 'ann', balance: expected })
})

onEveryStore('an account that does not exist loads as the initial state at version 0', async (given) => {
  const bank = openBank(given)
  assert.deepEqual(await bank.load(Account, 'nobody'), { state: { status: 'none' }, version: 0, exists: false })
})

onEveryStore('ten accounts opened at once are all open, each at version 1', async (given) => {
  const bank = openBank(given)
  const ids = Array.from({ length: 10 }, (_, i) => `acc-${i}`)
  const receipts = await Promise.all(ids.map((accountId) => bank.execute(openAccount({ accountId, owner: 'ann' }), { actor: ann })))
  assert.deepEqual(
    receipts.map(({ version }) => version),
    ids.map(() => 1),
  )
  assert.equal((await all(bank.events({ types: ['AccountOpened'] }))).length, 10)
})

onEveryStore('the same id in two aggregates is two streams', async (given) => {
  const bank = oddBank(given)
  await bank.execute(openAccount({ accountId: '1', owner: 'ann' }), { actor: ann })
  const receipt = await bank.execute(requestTransfer({ transferId: '1', from: '1', to: '2', amount: 5 }), { actor: ann })
  assert.deepEqual([receipt.version, receipt.events[0]?.stream], [1, 'transfer-1'])
  assert.deepEqual((await bank.load(Account, '1')).state, { status: 'open', owner: 'ann', balance: 0 })
  assert.deepEqual((await bank.load(Transfer, '1')).state, { open: true })
})

onEveryStore('a stream of 2,501 events is decided on as a whole, by an app that has just started', async (given) => {
  const first = oddBank(given)
  await first.execute(openFilled({ accountId: 'a', amounts: Array.from({ length: 2500 }, () => 2) }), { actor: ann })
  const second = oddBank(given)
  const { version, state } = await second.execute(withdraw({ accountId: 'a', amount: 4999 }), { actor: ann, returnState: true })
  assert.deepEqual([version, state], [2502, { status: 'open', owner: 'ann', balance: 1 }])
})

onEveryStore('a state that comes with a receipt is the callers own', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  const { state } = await bank.execute(deposit({ accountId: 'a', amount: 5 }), { actor: ann, returnState: true })
  ;(state as { balance: number }).balance = 1_000_000
  const outcome = await bank.attempt(withdraw({ accountId: 'a', amount: 6 }), { actor: ann })
  assert.ok(!outcome.ok && outcome.rejection.code === 'InsufficientFunds')
})

onEveryStore('what a receipt holds is not shared with the state that later commands see', async (given) => {
  const Noted = event('Noted', z.object({ lines: z.array(z.string()) }))
  const Note = aggregate('note', {
    events: [Noted],
    initial: () => ({ lines: [] as readonly string[], by: undefined as unknown }),
    evolve: { Noted: (_, { data, metadata }) => ({ lines: data.lines, by: metadata.actor }) },
  })
  const write = command(Note, 'Write', {
    input: z.object({ lines: z.array(z.string()) }),
    id: () => '1',
    decide: ({ input }) => Noted(input),
  })
  const app = given.tend(createApp({ store: given.store, clock: given.clock, commands: [write] }))
  const actor = { id: 'ann', roles: ['author'] }
  const input = { lines: ['one'] }
  const { events } = await app.execute(write(input), { actor })
  input.lines.push('two')
  actor.roles.push('intruder')
  ;(events[0]!.data.lines as string[]).push('three')
  ;(events[0]!.metadata.actor as { roles: string[] }).roles.push('thief')
  const warm = await app.load(Note, '1', { cached: true })
  assert.deepEqual(warm.state, { lines: ['one'], by: { id: 'ann', roles: ['author'] } })
})

onEveryStore('a closed account says no, and closing it again changes nothing', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  await bank.execute(closeAccount({ accountId: 'a', reason: 'moved' }), { actor: teller })
  const outcome = await bank.attempt(deposit({ accountId: 'a', amount: 5 }), { actor: ann })
  assert.deepEqual(outcome, { ok: false, rejection: reject('AccountNotOpen', { status: 'closed' }), duplicate: false })
  assert.equal((await bank.execute(closeAccount({ accountId: 'a', reason: 'twice' }), { actor: teller })).events.length, 0)
})

onEveryStore(
  'the state after a command comes with its receipt, inside a transaction too, and is refused where there is none',
  async (given) => {
    const bank = openBank(given)
    await openWith(bank, 'a', 10)
    const more = { actor: ann, returnState: true }
    const { state } = await bank.execute(deposit({ accountId: 'a', amount: 1 }), more)
    assert.deepEqual(state, { status: 'open', owner: 'ann', balance: 11 })
    const inside = await bank.transaction((tx) => tx.execute(deposit({ accountId: 'a', amount: 1 }), more))
    assert.deepEqual(inside.state, { status: 'open', owner: 'ann', balance: 12 })

    const Noted = event('Noted', z.object({}))
    const note = command('Note', { input: z.object({}), stream: () => 'note-1', decide: () => Noted({}) })
    const notes = given.tend(createApp({ store: given.store, clock: given.clock, commands: [note] }))
    await assert.rejects(notes.execute(note({}), more), { code: 'ES_VALIDATION', message: /returnState/ })
  },
)

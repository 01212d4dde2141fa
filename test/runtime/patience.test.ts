import assert from 'node:assert/strict'
import { z } from 'zod'
import { command, createApp, decision, reject, TimedOutError } from '../../src/index.ts'
import { Account, deposit, MoneyDeposited, openAccount } from '../domain/bank.ts'
import { heldAppends, inFrontOf, isPending, moment, turns } from './in-front-of.ts'
import { type Given, onEveryStore, onStoresInProcess } from './on-every-store.ts'
import { ann, openBank, openWith, recorder } from './open-bank.ts'

const by = { actor: ann }
const pay = (amount: number) => deposit({ accountId: 'a', amount })
const oneSecond = { timeout: { seconds: 1 } } as const

onEveryStore('a command that takes too long ends in TimedOutError, with what and after how long', async (given) => {
  const { store, arrived, letThrough } = heldAppends(given.store)
  await openWith(openBank(given), 'a')
  const bank = openBank(given, { store })
  const slow = bank.execute(pay(1), { ...by, ...oneSecond })
  const refused = assert.rejects(slow, (error: unknown) => {
    assert.ok(error instanceof TimedOutError)
    assert.deepEqual([error.code, error.what, error.afterMs, error.retryable], ['ES_TIMED_OUT', 'execute Deposit', 1000, true])
    return true
  })
  await arrived
  await given.clock.advance({ milliseconds: 999 })
  assert.ok(await isPending(slow))
  await given.clock.advance({ milliseconds: 1 })
  await refused
  letThrough()
})

onEveryStore('what was already sent is written all the same, and a key tells', async (given) => {
  await openWith(openBank(given), 'a')
  const { store, arrived, letThrough } = heldAppends(given.store)
  const bank = openBank(given, { store })
  const refused = assert.rejects(bank.execute(pay(1), { ...by, ...oneSecond, idempotencyKey: 'k' }), { code: 'ES_TIMED_OUT' })
  await arrived
  await given.clock.advance({ seconds: 1 })
  await refused
  letThrough()
  const retry = await bank.execute(pay(1), { ...by, idempotencyKey: 'k' })
  assert.deepEqual([retry.duplicate, retry.version], [true, 2])
})

onEveryStore('a command that had not begun when its time was over is not executed', async (given) => {
  await openWith(openBank(given), 'a')
  const { store, arrived, letThrough } = heldAppends(given.store)
  const bank = openBank(given, { store })
  const first = bank.execute(pay(1), by)
  await arrived
  const refused = assert.rejects(bank.execute(pay(100), { ...by, ...oneSecond }), { code: 'ES_TIMED_OUT' })
  const behind = bank.execute(pay(10), by)
  await turns()
  await given.clock.advance({ seconds: 1 })
  await refused
  letThrough()
  assert.deepEqual([(await first).version, (await behind).version], [2, 3])
  assert.deepEqual((await bank.load(Account, 'a')).state, { status: 'open', owner: 'ann', balance: 11 })
})

for (const [where, middleware, remembered] of [
  ['middleware', true, false],
  ['the look-up of its key', false, true],
] as const) {
  onEveryStore(`a command whose time is over while it is held up by ${where} is not executed`, async (given) => {
    await openWith(openBank(given), 'a')
    const [inside, goOn] = [moment(), moment()]
    const wait = async () => {
      inside.resolve()
      await goOn.promise
    }
    const bank = given.tend(
      createApp({
        store: remembered ? inFrontOf(given.store, { remembered: async () => void (await wait()) }) : given.store,
        clock: given.clock,
        commands: [deposit],
        middleware: middleware ? [async (_, next) => wait().then(next)] : [],
      }),
    )
    const refused = assert.rejects(bank.execute(pay(1), { ...by, ...oneSecond, idempotencyKey: 'k' }), { code: 'ES_TIMED_OUT' })
    await inside.promise
    await given.clock.advance({ seconds: 1 })
    await refused
    goOn.resolve()
    await turns()
    await bank.idle()
    assert.equal((await bank.load(Account, 'a')).version, 1)
  })
}

onEveryStore('a check that never ends holds up nobody once its own caller has given up', async (given) => {
  const asked = moment()
  const ask = command(Account, 'Ask', {
    input: z.object({}),
    id: () => 'a',
    authorize: () => {
      asked.resolve()
      return new Promise<boolean>(() => {})
    },
    decide: () => MoneyDeposited({ amount: 1 }),
  })
  const bank = given.tend(createApp({ store: given.store, clock: given.clock, commands: [openAccount, deposit, ask] }))
  await openWith(bank as never, 'a')
  const refused = assert.rejects(bank.execute(ask({}), { ...by, ...oneSecond }), { code: 'ES_TIMED_OUT' })
  await asked.promise
  const behind = bank.execute(pay(1), by)
  assert.ok(await isPending(behind))
  await given.clock.advance({ seconds: 1 })
  await refused
  assert.equal((await behind).version, 2)
})

onEveryStore('a decision that its caller has given up on is not decided a second time', async (given) => {
  let checks = 0
  const [asked, goOn] = [moment(), moment<boolean>()]
  const ask = decision('Ask', {
    input: z.object({}),
    stream: () => 'account-a',
    events: [MoneyDeposited],
    boundary: () => [],
    initial: () => 0,
    evolve: { MoneyDeposited: (sum) => sum + 1 },
    authorize: () => {
      checks++
      asked.resolve()
      return goOn.promise
    },
    decide: () => reject('No'),
  })
  const app = given.tend(createApp({ store: given.store, clock: given.clock, commands: [ask] }))
  const refused = assert.rejects(app.attempt(ask({}), { ...by, ...oneSecond }), { code: 'ES_TIMED_OUT' })
  await asked.promise
  await given.clock.advance({ seconds: 1 })
  await refused
  goOn.resolve(true)
  await turns()
  assert.equal(checks, 1)
})

onEveryStore('an aborted signal ends the wait with its own reason, and what had not begun is not executed', async (given) => {
  await openWith(openBank(given), 'a')
  const { store, arrived, letThrough } = heldAppends(given.store)
  const bank = openBank(given, { store })
  const first = bank.execute(pay(1), by)
  await arrived
  const controller = new AbortController()
  const reason = new Error('the user went home')
  const refused = assert.rejects(bank.execute(pay(100), { ...by, signal: controller.signal }), (error) => error === reason)
  await turns()
  controller.abort(reason)
  await refused
  letThrough()
  await first
  assert.equal((await bank.load(Account, 'a')).version, 2)
})

onEveryStore('a signal that was aborted before starts nothing', async (given) => {
  const watch = recorder()
  const bank = openBank(given, { observer: watch })
  await openWith(bank, 'a')
  const told = watch.of('dispatch.start').length
  await assert.rejects(bank.execute(pay(1), { ...by, signal: AbortSignal.abort() }), { name: 'AbortError' })
  assert.equal(watch.of('dispatch.start').length, told)
})

onEveryStore('a command in time leaves neither a timer nor a listener behind', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  let listeners = 0
  const { signal } = new AbortController()
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
  Object.assign(signal, {
    addEventListener(...to: Parameters<typeof add>) {
      listeners++
      add(...to)
    },
    removeEventListener(...from: Parameters<typeof remove>) {
      listeners--
      remove(...from)
    },
  })
  await bank.execute(pay(1), { ...by, ...oneSecond, signal })
  assert.equal(listeners, 0)
  await given.clock.advance({ seconds: 2 })
  assert.equal((await bank.load(Account, 'a')).version, 2)
})

onEveryStore('how long every command may take can be set, and a call may say otherwise', async (given: Given) => {
  await openWith(openBank(given), 'a')
  const { store, arrived, letThrough } = heldAppends(given.store)
  const bank = openBank(given, { store, defaults: { command: { timeout: { seconds: 5 } } } })
  const codes: string[] = []
  const note = (name: string) => (error: { afterMs: number }) => void codes.push(`${name} ${error.afterMs}`)
  const work = [bank.execute(pay(1), by).catch(note('default')), bank.execute(pay(1), { ...by, ...oneSecond }).catch(note('own'))]
  await arrived
  await turns()
  await given.clock.advance({ seconds: 5 })
  await Promise.all(work)
  letThrough()
  assert.deepEqual(codes, ['own 1000', 'default 5000'])
})

onEveryStore('a timeout of nothing, or less, is refused', async (given) => {
  const bank = openBank(given)
  for (const timeout of [{ seconds: 0 }, { seconds: -1 }, { fortnights: 1 }, 5] as never[])
    await assert.rejects(bank.execute(pay(1), { ...by, timeout }), { code: 'ES_DEFINITION' })
})

onStoresInProcess('every command that is given up is told and counted as failed, once', async (given) => {
  await openWith(openBank(given), 'a')
  const { store, arrived, letThrough } = heldAppends(given.store)
  const watch = recorder()
  const bank = openBank(given, { store, observer: watch })
  const first = bank.execute(pay(1), by)
  await arrived
  const refused = assert.rejects(bank.execute(pay(100), { ...by, ...oneSecond }), { code: 'ES_TIMED_OUT' })
  await turns()
  await given.clock.advance({ seconds: 1 })
  await refused
  letThrough()
  await first
  await turns()
  assert.deepEqual(
    watch.of('dispatch.exception').map(({ code }) => code),
    ['ES_TIMED_OUT'],
  )
  assert.equal(watch.of('dispatch.start').length, 2)
  assert.equal((await bank.stats()).commands.failed, 1)
})

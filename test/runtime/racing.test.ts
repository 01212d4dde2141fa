import assert from 'node:assert/strict'
import { createApp, projection, reject, StoreUnavailableError } from '../../src/index.ts'
import { Account, balances, closeAccount, deposit, MoneyDeposited, MoneyWithdrawn, openAccount, withdraw } from '../domain/bank.ts'
import { inFrontOf, moment, turns } from './in-front-of.ts'
import { all, ann, foldOf, openBank, openBankWithoutViews, openWith, payIn, teller } from './open-bank.ts'
import { onTwoProcesses } from './two-processes.ts'

const random = (seed: number) => () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
  return seed / 2_147_483_648
}

onTwoProcesses(
  'a warm state that says "enough" is not believed when the other process has withdrawn everything',
  async ({ here, there }) => {
    const [bank, other] = [openBank(here), openBank(there)]
    await openWith(bank, 'a', 100)
    await other.execute(withdraw({ accountId: 'a', amount: 100 }), { actor: ann })
    const outcome = await bank.attempt(withdraw({ accountId: 'a', amount: 60 }), { actor: ann })
    assert.deepEqual(outcome, { ok: false, rejection: reject('InsufficientFunds', { balance: 0 }), duplicate: false })
    assert.equal((await bank.stats()).commands.conflicts, 1)
  },
)

onTwoProcesses('a warm state that says "not enough" is not believed when the other process has paid in', async ({ here, there }) => {
  const [bank, other] = [openBank(here), openBank(there)]
  await openWith(bank, 'a', 1)
  await payIn(other, 'a', 99)
  const outcome = await bank.attempt(withdraw({ accountId: 'a', amount: 100 }), { actor: ann })
  assert.ok(outcome.ok && outcome.receipt.version === 4)
})

onTwoProcesses('Forbidden, Validation, an empty outcome and a throw are confirmed before they are answered', async ({ here, there }) => {
  const bank = here.tend(
    createApp({
      store: here.store,
      clock: here.clock,
      commands: [openAccount, deposit, withdraw, closeAccount],
      projections: [balances],
      validate: ({ command, state }) => (command === 'Deposit' && state.status === 'closed' ? ['is closed'] : undefined),
    }),
  )
  const other = openBank(there)
  await openWith(bank as never, 'closed-later', 5)
  // Warm here: there is no such account, so nobody may withdraw.
  await assert.rejects(bank.execute(withdraw({ accountId: 'opened-later', amount: 1 }), { actor: ann }), { code: 'ES_FORBIDDEN' })
  assert.equal((await bank.execute(closeAccount({ accountId: 'opened-later', reason: '' }), { actor: teller })).events.length, 0)
  await openWith(other, 'opened-later', 10)
  assert.equal((await bank.execute(withdraw({ accountId: 'opened-later', amount: 1 }), { actor: ann })).version, 3)

  assert.equal((await bank.execute(closeAccount({ accountId: 'closed-later', reason: 'moved' }), { actor: teller })).events.length, 1)
  assert.equal((await bank.execute(closeAccount({ accountId: 'closed-later', reason: 'again' }), { actor: teller })).version, 3)
  await assert.rejects(bank.execute(deposit({ accountId: 'closed-later', amount: 1 }), { actor: ann }), { code: 'ES_VALIDATION' })
  // An empty outcome from stale warm state: here it is still open for all that is warm there.
  await openWith(other, 'b', 1)
  await bank.execute(closeAccount({ accountId: 'b', reason: 'moved' }), { actor: teller })
  const receipt = await other.execute(closeAccount({ accountId: 'b', reason: 'moved' }), { actor: teller })
  assert.deepEqual([receipt.events.length, receipt.version], [0, 3])
})

onTwoProcesses('a command decided behind one that lost is never written, even if the versions happen to fit', async ({ here, there }) => {
  // Without projections, whose rows would give the second command away as well.
  const [bank, other] = [openBankWithoutViews(here), openBankWithoutViews(there)]
  await openWith(bank as never, 'a', 100)
  // One event from there brings the stream to the version that the second command here will expect.
  await other.execute(withdraw({ accountId: 'a', amount: 100 }), { actor: ann })
  const [paid, drawn] = await Promise.allSettled([
    bank.execute(deposit({ accountId: 'a', amount: 50 }), { actor: ann }),
    bank.execute(withdraw({ accountId: 'a', amount: 120 }), { actor: ann }),
  ])
  assert.equal(paid.status, 'fulfilled')
  assert.equal(drawn.status === 'rejected' && drawn.reason.rejection.code, 'InsufficientFunds')
  const events = await all(bank.history(Account, 'a'))
  assert.deepEqual(foldOf(Account, events), { status: 'open', owner: 'ann', balance: 50 })
  assert.equal(events.length, 4)
})

const totals = projection('totals', {
  events: [MoneyDeposited, MoneyWithdrawn],
  consistency: 'transactional',
  key: () => 'all',
  initial: () => ({ total: 0 }),
  evolve: {
    MoneyDeposited: (row, { data }) => ({ total: row.total + data.amount }),
    MoneyWithdrawn: (row, { data }) => ({ total: row.total - data.amount }),
  },
})

onTwoProcesses(
  'a row folded behind a command that lost is never written, even if the row versions happen to fit',
  async ({ here, there }) => {
    const open = (given: typeof here) =>
      given.tend(createApp({ store: given.store, clock: given.clock, commands: [openAccount, deposit], projections: [totals] }))
    const [bank, other] = [open(here), open(there)]
    for (const accountId of ['a', 'b']) await bank.execute(openAccount({ accountId, owner: 'ann' }), { actor: ann })
    await bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann })
    await other.execute(deposit({ accountId: 'a', amount: 100 }), { actor: ann })
    // The first one loses its stream; the second one has folded its row on top of the row of the first.
    await Promise.all(['a', 'b'].map((accountId) => bank.execute(deposit({ accountId, amount: 10 }), { actor: ann })))
    assert.deepEqual(await bank.view(totals).get('all'), { total: 121 })
  },
)

for (const seed of [1, 2, 3, 4, 5, 6]) {
  onTwoProcesses(`no update is lost and nobody overdraws, whoever is faster (${seed})`, async ({ here, there, another }) => {
    const next = random(seed)
    const banks = [openBank(here), openBank(there), openBank(another())].map((bank) => bank)
    await openWith(banks[0]!, 'a', 20)
    await openWith(banks[1]!, 'b', 20)
    const accepted: { readonly accountId: string; readonly by: number }[] = []
    const one = async () => {
      const bank = banks[Math.floor(next() * banks.length)]!
      const accountId = next() < 0.7 ? 'a' : 'b'
      const amount = 1 + Math.floor(next() * 15)
      const paysIn = next() < 0.4
      await turns(Math.floor(next() * 3))
      const call = paysIn ? deposit({ accountId, amount }) : withdraw({ accountId, amount })
      const outcome = await bank.attempt({ command: call.command, input: call.input }, { actor: ann })
      if (outcome.ok) accepted.push({ accountId, by: paysIn ? amount : -amount })
      else assert.equal(outcome.rejection.code, 'InsufficientFunds')
    }
    for (let round = 0; round < 4; round++) await Promise.all(Array.from({ length: 12 }, one))
    for (const accountId of ['a', 'b']) {
      const mine = accepted.filter((change) => change.accountId === accountId)
      const balance = 20 + mine.reduce((sum, { by }) => sum + by, 0)
      const events = await all(banks[0]!.history(Account, accountId))
      assert.equal(events.length, 2 + mine.length)
      let running = 0
      for (const { data } of events) {
        const { amount = 0 } = data as { amount?: number }
        running += events.find((event) => event.data === data)!.type === 'MoneyWithdrawn' ? -amount : amount
        assert.ok(running >= 0, 'an account was overdrawn')
      }
      for (const bank of banks) {
        assert.deepEqual((await bank.load(Account, accountId)).state, { status: 'open', owner: 'ann', balance })
        assert.deepEqual(await bank.view(balances).get(accountId), { owner: 'ann', balance })
      }
    }
  })
}

/** Of transactions that wait for each other in a circle, PostgreSQL undoes one, and its caller does it again. Elsewhere there are no circles. */
async function untilInNoCircle(storeName: string, work: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await work()
      return
    } catch (error) {
      const isInCircle = storeName === 'postgres' && error instanceof StoreUnavailableError && /deadlock/.test(error.message)
      if (!isInCircle) throw error
      assert.equal(error.retryable, true)
    }
  }
}

onTwoProcesses('transactions of two processes on the same accounts all end, and no money is lost', async ({ here, there }) => {
  const banks = [openBank(here), openBank(there)]
  for (const accountId of ['a', 'b']) await openWith(banks[0]!, accountId, 50)
  const move = (i: number) =>
    untilInNoCircle(here.storeName, () =>
      banks[i % 2]!.transaction(async (tx) => {
        const [from, to] = i % 3 === 0 ? ['a', 'b'] : ['b', 'a']
        await tx.execute(withdraw({ accountId: from!, amount: 1 }), { actor: ann })
        await turns(1)
        await tx.execute(deposit({ accountId: to!, amount: 1 }), { actor: ann })
      }),
    )
  const pay = (i: number) => payIn(banks[i % 2]!, i % 3 === 0 ? 'a' : 'b', 1)
  await Promise.all(Array.from({ length: 12 }, (_, i) => [move(i), pay(i)]).flat())
  for (const [accountId, balance] of [
    ['a', 50 - 4 + 8 + 4],
    ['b', 50 + 4 - 8 + 8],
  ] as const) {
    for (const bank of banks) {
      assert.deepEqual((await bank.load(Account, accountId)).state, { status: 'open', owner: 'ann', balance })
      assert.deepEqual(await bank.view(balances).get(accountId), { owner: 'ann', balance })
    }
  }
})

onTwoProcesses('conflicts are told and counted', async ({ here, there }) => {
  const [bank, other] = [openBank(here), openBank(there)]
  await openWith(bank, 'a', 1)
  for (let i = 0; i < 5; i++) {
    await payIn(other, 'a', 1)
    await payIn(bank, 'a', 1)
  }
  assert.equal((await bank.stats()).commands.conflicts, 5)
  assert.equal((await other.stats()).commands.conflicts, 4)
})

/** An app whose appends are always overtaken by another process. */
function alwaysOvertaken(here: Parameters<typeof openBank>[0], overtake: () => Promise<unknown>, attempts?: number) {
  let appends = 0
  const overtaken = inFrontOf(here.store, {
    append: async (requests) => {
      appends++
      await overtake()
      return here.store.append(requests)
    },
  })
  const command = { backoff: { milliseconds: 1 }, longestBackoff: { milliseconds: 1 }, ...(attempts ? { attempts } : {}) }
  return { bank: openBank(here, { store: overtaken, defaults: { command } }), appends: () => appends }
}

for (const [limit, attempts] of [
  ['ten times by default', undefined],
  ['three times when told so', 3],
  ['once when told so', 1],
] as const) {
  onTwoProcesses(
    `a command that is always overtaken is decided ${limit}, then it fails with the actual version`,
    async ({ here, there }) => {
      const other = openBank(there)
      await openWith(other, 'a')
      const { bank, appends } = alwaysOvertaken(here, () => payIn(other, 'a', 1), attempts)
      const tries = attempts ?? 10
      await assert.rejects(bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann }), {
        code: 'ES_CONCURRENCY',
        retryable: true,
        stream: 'account-a',
        expected: tries,
        actual: tries + 1,
      })
      assert.equal(appends(), tries)
      assert.equal((await bank.load(Account, 'a')).version, tries + 1)
      assert.equal((await bank.stats()).commands.conflicts, tries)
    },
  )
}

onTwoProcesses('being decided again because of a predecessor does not count as an attempt', async ({ here, there }) => {
  const other = openBank(there)
  await openWith(other, 'a')
  let left = 2
  const { bank } = alwaysOvertaken(here, async () => (left-- > 0 ? payIn(other, 'a', 1) : undefined), 3)
  // Overtaken twice, with 5 in the group: with each conflict counted for each of them, all behind the first would be at their limit.
  const receipts = await Promise.all([1, 1, 1, 1, 1].map((amount) => bank.execute(deposit({ accountId: 'a', amount }), { actor: ann })))
  assert.deepEqual(
    receipts.map(({ version }) => version),
    [4, 5, 6, 7, 8],
  )
  assert.equal((await bank.stats()).commands.conflicts, 2)
})

// ── expectedVersion ──

onTwoProcesses('an expected version that fits is accepted, one that does not is refused with the actual one', async ({ here }) => {
  const bank = openBank(here)
  const pay = (expectedVersion: 'none' | 'exists' | 'any' | number) =>
    bank.attempt(deposit({ accountId: 'a', amount: 1 }), { actor: ann, expectedVersion })
  const open = (accountId: string, expectedVersion: 'none' | 'exists' | 'any' | number) =>
    bank.execute(openAccount({ accountId, owner: 'ann' }), { actor: ann, expectedVersion })
  await assert.rejects(open('a', 'exists'), { code: 'ES_STREAM_NOT_FOUND', stream: 'account-a' })
  await assert.rejects(open('a', 1), { code: 'ES_CONCURRENCY', expected: 1, actual: 0 })
  assert.equal((await open('a', 'none')).version, 1)
  assert.equal((await open('b', 0)).version, 1)
  assert.equal((await open('c', 'any')).version, 1)
  for (const wrong of ['none', 0, 2] as const) await assert.rejects(pay(wrong), { code: 'ES_CONCURRENCY', expected: wrong, actual: 1 })
  for (const right of ['any', 'exists', 3] as const) assert.ok((await pay(right)).ok)
  assert.equal((await bank.load(Account, 'a')).version, 4)
})

onTwoProcesses(
  'with an expected version, a stream that has moved is refused at once and decided no second time',
  async ({ here, there }) => {
    const [bank, other] = [openBank(here), openBank(there)]
    await openWith(bank, 'a', 10)
    await payIn(other, 'a', 1)
    const stale = bank.execute(deposit({ accountId: 'a', amount: 5 }), { actor: ann, expectedVersion: 2 })
    await assert.rejects(stale, { code: 'ES_CONCURRENCY', expected: 2, actual: 3 })
    assert.equal((await bank.load(Account, 'a')).version, 3)
  },
)

onTwoProcesses('an expected version that only the store knows is believed: warm state may be behind', async ({ here, there }) => {
  const [bank, other] = [openBank(here), openBank(there)]
  await openWith(bank, 'a', 10)
  await payIn(other, 'a', 1)
  assert.equal((await bank.execute(deposit({ accountId: 'a', amount: 5 }), { actor: ann, expectedVersion: 3 })).version, 4)
})

onTwoProcesses('"any" and "exists" still hold when somebody else was faster, so the command is decided again', async ({ here, there }) => {
  const [bank, other] = [openBank(here), openBank(there)]
  await openWith(bank, 'a', 10)
  for (const expectedVersion of ['any', 'exists'] as const) {
    await payIn(other, 'a', 1)
    assert.ok((await bank.attempt(deposit({ accountId: 'a', amount: 1 }), { actor: ann, expectedVersion })).ok)
  }
  assert.equal((await bank.load(Account, 'a')).version, 6)
})

onTwoProcesses('what is not an expected version is refused as such', async ({ here }) => {
  const bank = openBank(here)
  await openWith(bank, 'a')
  for (const expectedVersion of [-1, 1.5, Number.NaN, 'latest'] as never[]) {
    await assert.rejects(bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann, expectedVersion }), { code: 'ES_VALIDATION' })
  }
})

onTwoProcesses('a command that waits behind one that is overtaken is not held up by its loser', async ({ here, there }) => {
  const other = openBank(there)
  await openWith(other, 'a', 5)
  const gate = moment()
  let first = true
  const held = inFrontOf(here.store, {
    append: async (requests) => {
      if (first) {
        first = false
        await gate.promise
      }
      return here.store.append(requests)
    },
  })
  const bank = openBank(here, { store: held })
  const slow = bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann, expectedVersion: 2 })
  await turns()
  const behind = bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann })
  await payIn(other, 'a', 1)
  gate.resolve()
  await assert.rejects(slow, { code: 'ES_CONCURRENCY', expected: 2, actual: 3 })
  assert.equal((await behind).version, 4)
})

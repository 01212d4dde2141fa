/** Views that are kept outside of the store: each event once, whatever is lost on the way, and made again when the model is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mapModel } from '../../../examples/read-model/map-model.ts'
import { DeadLetteredError, StoreUnavailableError, ValidationError } from '../../../src/core/errors.ts'
import type { Signal } from '../../../src/core/observer.ts'
import type { ReadModel } from '../../../src/core/read-model.ts'
import { createApp, memory, projection } from '../../../src/index.ts'
import { deposit, MoneyDeposited } from '../../domain/bank.ts'
import { onEveryStore } from '../on-every-store.ts'
import { ann } from '../open-bank.ts'
import { appendDeposits, type Followed, openFollowed, openWithDeposits, payIn, range, workInFrontOf } from './follow.ts'

/** What was paid into accounts, one by one: a row shows what was folded twice or left out. 13 deletes it. */
function paidIn(readModel: ReadModel, more: { readonly partitions?: number; readonly refuse?: (amount: number) => boolean } = {}) {
  const { partitions = 1, refuse = () => false } = more
  return projection('paid-in', {
    events: [MoneyDeposited],
    consistency: 'async',
    readModel,
    partitions,
    key: (event) => event.subject,
    initial: (): { readonly amounts: readonly number[] } => ({ amounts: [] }),
    evolve: {
      MoneyDeposited: ({ amounts }, { data }) => {
        if (refuse(data.amount)) throw new Error(`not ${data.amount}`)
        return data.amount === 13 ? null : { amounts: [...amounts, data.amount] }
      },
    },
  })
}

type PaidIn = ReturnType<typeof paidIn>

async function rowsOf(app: Followed, view: PaidIn, ...accounts: readonly string[]): Promise<readonly (readonly number[] | undefined)[]> {
  const reader = app.view(view as never) as unknown as { get(key: string): Promise<{ readonly amounts: readonly number[] } | undefined> }
  return Promise.all(accounts.map(async (account) => (await reader.get(account))?.amounts))
}

/** A model whose calls can be made to fail. */
function troubled(model = mapModel()) {
  const faults: { before?: unknown; after?: unknown; half?: unknown; reading?: unknown } = {}
  const once = (name: keyof typeof faults) => {
    const error = faults[name]
    delete faults[name]
    if (error) throw error
  }
  const troubledModel: ReadModel = {
    get(...name) {
      once('reading')
      return model.get(...name)
    },
    write(view, batch) {
      once('before')
      if (faults.half) {
        model.write(view, { rows: batch.rows.slice(0, batch.rows.length / 2), checkpoint: { share: '0-63', position: 0 } })
        once('half')
      }
      model.write(view, batch)
      once('after')
    },
    checkpoints: model.checkpoints,
  }
  return { model: troubledModel, faults }
}

onEveryStore('rows, tenant by tenant, are the fold of the log; get waits for them', async (given) => {
  const view = paidIn(mapModel())
  const app = openFollowed(given, { projections: [view] })
  const acme = app.forTenant('acme') as unknown as Followed
  await app.start()
  await openWithDeposits(app, 'a', 1, 2)
  await openWithDeposits(acme, 'a', 3)
  const { position } = await acme.execute(deposit({ accountId: 'a', amount: 4 }), { actor: ann })
  assert.deepEqual(await acme.view(view as never).get('a', { atLeast: position, timeout: { minutes: 1 } }), { amounts: [3, 4] })
  await app.settle()
  assert.deepEqual(await rowsOf(app, view, 'a', 'nobody'), [[1, 2], undefined])
  assert.deepEqual(
    (await given.store.views.defined()).map(({ view: name }) => name),
    [],
  )
})

onEveryStore('a row is deleted by null, and made anew by what comes then', async (given) => {
  const view = paidIn(mapModel())
  const app = openFollowed(given, { projections: [view] })
  await openWithDeposits(app, 'a', 1, 13)
  await app.settle()
  assert.deepEqual(await rowsOf(app, view, 'a'), [undefined])
  await payIn(app, 'a', 2)
  await app.settle()
  assert.deepEqual(await rowsOf(app, view, 'a'), [[2]])
})

for (const fault of ['before', 'after', 'half', 'reading'] as const) {
  const what = { before: 'that fails', after: 'whose answer is lost', half: 'that is done by half', reading: 'before which reading fails' }
  onEveryStore(`a write of the model ${what[fault]} is waited for, and every event is in its row once`, async (given) => {
    const { model, faults } = troubled()
    const view = paidIn(model)
    const app = openFollowed(given, { projections: [view] })
    await openWithDeposits(app, 'a', 1)
    await openWithDeposits(app, 'b', 2, 13)
    await app.settle()
    faults[fault] = new Error('connection reset')
    await appendDeposits(given.store, 4, ['a', 'b', 'c'], 3)
    await app.settle()
    // In the order of the log, which has the streams one after the other.
    assert.deepEqual(await rowsOf(app, view, 'a', 'b', 'c'), [[1, 3, 6], [4], [5]])
    assert.deepEqual([faults, app.deadLetters.length], [{}, 0])
  })
}

onEveryStore('a commit that is lost after the model has written is made up for, and nothing is done twice', async (given) => {
  let failures = 0
  const store = workInFrontOf(given.store, {
    async commit(works) {
      if (failures-- > 0) throw new StoreUnavailableError('test', 'gone for a moment')
      return given.store.work.commit(works)
    },
  })
  const view = paidIn(mapModel())
  const app = openFollowed(given, { store, projections: [view] })
  await app.settle()
  failures = 3
  await appendDeposits(given.store, 4, ['a', 'b'])
  await app.settle()
  assert.deepEqual(await rowsOf(app, view, 'a', 'b'), [[1, 3], [2, 4]]) // biome-ignore format: short
})

onEveryStore('a model that is empty after a restart is filled again from the log, which is told', async (given) => {
  const first = openFollowed(given, { projections: [paidIn(mapModel())] })
  await openWithDeposits(first, 'a', 1, 2)
  await openWithDeposits(first, 'b', 3)
  await first.settle()
  await first.stop({ keepStore: true })
  const told: Signal[] = []
  const view = paidIn(mapModel())
  const second = openFollowed(given, { projections: [view], observer: (signal: Signal) => void told.push(signal) })
  await second.settle()
  await payIn(second, 'a', 4)
  await second.settle()
  assert.deepEqual(await rowsOf(second, view, 'a', 'b'), [[1, 2, 4], [3]])
  assert.deepEqual(
    told.filter(({ signal }) => signal === 'read-model.behind'),
    [{ signal: 'read-model.behind', projection: 'paid-in', part: '0/1', position: 5, checkpoint: 0 }],
  )
})

onEveryStore('a model that has kept everything is gone on with, where events have concerned nobody, too', async (given) => {
  const told: Signal[] = []
  const view = paidIn(mapModel())
  const open = () => openFollowed(given, { projections: [view], observer: (signal: Signal) => void told.push(signal) })
  const first = open()
  await openWithDeposits(first, 'a', 1)
  await openWithDeposits(first, 'b')
  await first.settle()
  await first.stop({ keepStore: true })
  assert.deepEqual(
    (await given.store.work.parts()).map(({ position }) => position),
    [3],
  )
  const second = open()
  await payIn(second, 'a', 2)
  await second.settle()
  assert.deepEqual(await rowsOf(second, view, 'a'), [[1, 2]])
  assert.ok(!told.some(({ signal }) => signal === 'read-model.behind'))
})

onEveryStore('other partitions find every row where it was, and nothing is made again', async (given) => {
  const model = mapModel()
  const told: Signal[] = []
  const accounts = range(1, 12).map((n) => `n${n}`)
  for (const [round, partitions] of [1, 3, 2, 1].entries()) {
    const view = paidIn(model, { partitions })
    const app = openFollowed(given, { projections: [view], observer: (signal: Signal) => void told.push(signal) })
    await appendDeposits(given.store, 12, accounts, 100 * round + 1)
    await app.settle()
    const expected = accounts.map((_, i) => range(0, round).map((earlier) => 100 * earlier + 1 + i))
    assert.deepEqual(await rowsOf(app, view, ...accounts), expected)
    await app.stop({ keepStore: true })
  }
  assert.ok(!told.some(({ signal }) => signal === 'read-model.behind'))
})

onEveryStore('an event that cannot be folded leaves its own row behind, also when the model is empty afterwards', async (given) => {
  let isStrict = true
  const refuse = (amount: number) => isStrict && amount === 2
  const first = openFollowed(given, { projections: [paidIn(mapModel(), { refuse })] })
  await openWithDeposits(first, 'a', 1, 2, 3)
  await openWithDeposits(first, 'b', 4)
  await first.settle()
  assert.equal(first.deadLetters[0]?.waiting, 1)
  await first.stop({ keepStore: true })
  const view = paidIn(mapModel(), { refuse })
  const second = openFollowed(given, { projections: [view] })
  await second.settle()
  assert.deepEqual(await rowsOf(second, view, 'b'), [[4]])
  isStrict = false
  await second.deadLetters.retry({})
  await second.settle()
  assert.deepEqual([await rowsOf(second, view, 'a', 'b'), second.deadLetters.length], [[[1, 2, 3], [4]], 0])
})

onEveryStore('a dead letter that is done after all is in its row once, although the answer of the model was lost', async (given) => {
  let isStrict = true
  const { model, faults } = troubled()
  const view = paidIn(model, { refuse: (amount) => isStrict && amount === 2 })
  const app = openFollowed(given, { projections: [view] })
  await openWithDeposits(app, 'a', 1, 2, 3)
  await app.settle()
  assert.deepEqual([await rowsOf(app, view, 'a'), app.deadLetters[0]?.waiting], [[[1]], 1])
  isStrict = false
  faults.after = new Error('connection reset')
  await app.deadLetters.retry({})
  await app.settle()
  assert.deepEqual([await rowsOf(app, view, 'a'), app.deadLetters.length], [[[1, 2, 3]], 0])
})

onEveryStore('a row that the model will never take is a dead letter, and all the others are written', async (given) => {
  const model = mapModel()
  const picky: ReadModel = {
    ...model,
    write(view, batch) {
      if (batch.rows.some(({ row }) => row?.includes('[500]'))) throw new ValidationError('row', ['500 is too much'])
      return model.write(view, batch)
    },
  }
  const view = paidIn(picky)
  const app = openFollowed(given, { projections: [view] })
  const accounts = range(1, 600).map((n) => `n${n}`)
  await appendDeposits(given.store, 600, accounts, 101)
  await app.settle()
  assert.deepEqual(
    app.deadLetters.map(({ key, error }) => [key, error.code]),
    [['n400', 'ES_VALIDATION']],
  )
  const rows = await rowsOf(app, view, ...accounts)
  assert.deepEqual(
    rows.map((amounts) => amounts?.[0]),
    range(101, 700).map((n) => (n === 500 ? undefined : n)),
  )
  const waiting = app.view(view as never).get('n400', { atLeast: 600, timeout: { minutes: 1 } })
  await assert.rejects(waiting, DeadLetteredError)
})

onEveryStore('a view in a read model has no list', async (given) => {
  const view = paidIn(mapModel())
  const app = openFollowed(given, { projections: [view] })
  await assert.rejects(app.view(view as never).list(), { code: 'ES_UNSUPPORTED', message: /paid-in is kept by a read model/ })
})

test('a read model is for an async projection without indexes, and has all of its calls', () => {
  const made = (more: object) => () => projection('odd', { ...paidIn(mapModel()), ...more } as never)
  const code = 'ES_DEFINITION'
  assert.throws(made({ consistency: 'transactional', partitions: undefined }), { code, message: /needs 'async'/ })
  assert.throws(made({ indexes: { amounts: 'text' } }), { code, message: /no indexes/ })
  assert.throws(made({ readModel: { ...mapModel(), write: undefined } }), { code, message: /needs get, write and checkpoints/ })
  assert.throws(made({ readModel: null }), { code })
  createApp({ store: memory(), commands: [], projections: [made({})()] })
})

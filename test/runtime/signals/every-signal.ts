/** Makes every signal happen, for real: commands that go well and badly, whatever follows the log, and schedules. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { StoreUnavailableError } from '../../../src/core/errors.ts'
import {
  aggregate,
  command,
  createApp,
  event,
  eventHandler,
  type Middleware,
  processManager,
  projection,
  reject,
  type Signal,
} from '../../../src/index.ts'
import { testApp } from '../../../src/testing/index.ts'
import { Account, AccountOpened, balances, openAccount } from '../../domain/bank.ts'
import { inFrontOf, moment } from '../in-front-of.ts'
import type { Given } from '../on-every-store.ts'
import { ann } from '../open-bank.ts'
import { quietly } from '../quietly.ts'

const Ticked = event('Ticked', z.object({}))
const Clockwork = aggregate('clockwork', {
  events: [Ticked],
  initial: () => ({ ticks: 0 }),
  evolve: { Ticked: ({ ticks }) => ({ ticks: ticks + 1 }) },
  snapshot: { everyEvents: 2 },
  lifespan: { afterEvent: { minutes: 2 }, afterCommand: { minutes: 2 }, afterError: { minutes: 2 } },
})
const tick = command(Clockwork, 'Tick', {
  input: z.object({ how: z.enum(['once', 'never', 'no', 'wrong']).default('once') }),
  id: () => '1',
  decide: ({ input: { how } }) => {
    if (how === 'wrong') throw new Error('a spring broke')
    return how === 'no' ? reject('Stuck') : how === 'never' ? undefined : Ticked({})
  },
})

const how = z.enum(['well', 'at the second attempt', 'never', 'for nobody'])
const Rung = event('Rung', z.object({ how }))
const Bell = aggregate('bell', { events: [Rung], initial: () => ({}), evolve: { Rung: () => ({}) } })
export const ring = command(Bell, 'Ring', {
  input: z.object({ bell: z.string(), how }),
  id: ({ bell }) => bell,
  decide: ({ input }) => (input.bell === 'cracked' ? reject('Cracked') : Rung({ how: input.how })),
})
const rings = projection('rings', {
  events: [Rung],
  consistency: 'async',
  key: ({ subject }) => subject,
  initial: () => ({ rings: 0 }),
  evolve: {
    Rung: (row, { data }) => {
      if (data.how === 'never') throw new Error('nothing to count')
      return { rings: row.rings + 1 }
    },
  },
})
/** A view in a model that keeps nothing, so that it is behind whenever it begins. */
const echoes = projection('echoes', {
  events: [Rung],
  consistency: 'async',
  readModel: { get: () => undefined, write: () => {}, checkpoints: () => ({}) },
  key: ({ subject }) => subject,
  initial: () => ({}),
  evolve: { Rung: () => ({}) },
})
/** A view that cannot tell, for a while, which row an event belongs to. */
let isMuddled = false
const muddled = projection('muddled', {
  events: [Rung],
  consistency: 'async',
  key: ({ subject }) => {
    if (isMuddled) throw new Error('which one was it?')
    return subject
  },
  initial: () => ({}),
  evolve: { Rung: () => ({}) },
})
const listener = eventHandler('listener', {
  events: [Rung],
  handle: ({ data }, { attempt }) => {
    if (data.how === 'never' || (data.how === 'at the second attempt' && attempt === 1)) throw new Error('nothing to hear')
  },
})
const impatient = eventHandler('impatient', {
  events: [Rung],
  retry: { attempts: 1, whenExhausted: 'stop' },
  handle: ({ data }) => {
    if (data.how === 'never') throw new Error('no patience')
  },
})
const lenient = eventHandler('lenient', {
  events: [Rung],
  handleBatch: (events) => {
    if (events.some(({ data }) => data.how === 'never')) throw new Error('never mind')
  },
  onError: () => 'skip',
})
const echo = processManager('echo', {
  events: [Rung],
  commands: [ring],
  correlate: ({ subject, data }) => (data.how === 'well' || data.how === 'never' ? subject : undefined),
  initial: () => ({}),
  evolve: {},
  on: {
    Rung: ({ event, send, timeout }) =>
      event.data.how === 'never'
        ? send(ring({ bell: 'cracked', how: 'well' }))
        : [
            timeout('silence', { minutes: 1 }),
            send(ring({ bell: 'e', how: 'for nobody' }), { undo: ring({ bell: 'e', how: 'for nobody' }) }),
          ],
  },
  timeouts: { silence: ({ compensate, complete }) => [compensate(), complete()] },
})

/** Everything that happens to what follows the log. */
export async function following({ store, clock, tend }: Given, observer: (signal: Signal) => void): Promise<void> {
  let failure: Error | undefined
  const work = inFrontOf(store.work, {
    commit: (works) => {
      if (!failure) return store.work.commit(works)
      const error = failure
      failure = undefined
      return Promise.reject(error)
    },
  })
  const parts = { commands: [ring], projections: [echoes, rings, muddled], handlers: [listener, impatient, lenient], processes: [echo] }
  let hidden: number | undefined
  const log = inFrontOf(store, {
    work,
    async *readAll(options) {
      for await (const page of store.readAll(options)) yield { ...page, events: page.events.filter(({ position }) => position !== hidden) }
    },
  })
  const app = tend(testApp({ ...parts, store: log, clock, observer }))
  const ringAs = async (bell: string, how: 'well' | 'at the second attempt' | 'never' | 'for nobody') => {
    await app.execute(ring({ bell, how }), { actor: ann })
    await app.settle()
  }
  await ringAs('a', 'well')
  await clock.advance({ minutes: 1 })
  await app.settle()
  hidden = (await store.head()) + 1
  await ringAs('a', 'for nobody')
  hidden = undefined
  await app.subscriptions.audit()
  await ringAs('b', 'at the second attempt')
  await ringAs('c', 'never')
  await app.process(echo).close('c', 'it is cracked', { actor: ann })
  failure = new StoreUnavailableError(store.name, 'It was switched off for a moment.')
  await ringAs('d', 'for nobody')
  const lost = (await store.work.parts()).filter(({ subscription }) => subscription === 'handler:listener')
  await store.work.acquire('somebody else', lost)
  await ringAs('d', 'for nobody')
  isMuddled = true
  await ringAs('f', 'for nobody')
  isMuddled = false
  await app.deadLetters.retry({ handler: 'muddled' })
  await app.settle()
  await app.subscriptions.pause('echo')
  await app.subscriptions.resume('echo')
  await app.subscriptions.rewind('impatient', 'beginning')
  await app.stop({ keepStore: true })
  const other = tend(testApp({ ...parts, projections: [{ ...rings, version: 2 }, muddled], store, clock, observer }))
  await other.start()
  await other.subscriptions.rebuild('rings')
  await other.stop({ keepStore: true })
  const alert = eventHandler('lenient', { events: [Rung, Ticked], handle: () => {} })
  const later = tend(testApp({ commands: [ring], projections: [echoes], handlers: [alert], store, clock, observer }))
  await later.settle()
  await later.stop({ keepStore: true })
}

/** A live reader that does not keep up. */
async function overflowing({ store, clock, tend }: Given, observer: (signal: Signal) => void): Promise<void> {
  const overflown = moment()
  const watch = ({ signal }: Signal) => void (signal === 'events.overflow' && overflown.resolve())
  const app = tend(createApp({ store, clock, commands: [tick], observer: [observer, watch] }))
  const after = (await store.head()) - 1
  const reader = app.events({ after, live: true, buffer: { limit: 1, overflow: 'drop-oldest' } })[Symbol.asyncIterator]()
  await reader.next()
  for (let n = 0; n < 2; n++) await app.execute(tick({}), { actor: ann })
  await overflown.promise
  await reader.return?.()
}

/** Everything. */
export async function everything(given: Given, observer: (signal: Signal) => void): Promise<void> {
  const { store, clock, tend } = given
  let usedBytes = 0
  const more = { clock, random: () => 0.5, heap: () => ({ usedBytes, limitBytes: 100 }) }
  const ends: Middleware = async ({ context }, next) => {
    if (context['ends']) throw new Error('middleware broke')
    return next()
  }
  const make = () =>
    tend(
      createApp({ store, commands: [tick], middleware: [ends], observer, defaults: { aggregate: { compareSnapshotOneIn: 1 } }, ...more }),
    )
  const app = make()
  const ask = { actor: ann, correlationId: 'a-request' }
  await app.execute(tick({}), ask)
  await app.execute(tick({}), { ...ask, idempotencyKey: 'k' })
  await app.execute(tick({}), { ...ask, idempotencyKey: 'k' })
  await app.execute(tick({ how: 'never' }), ask)
  await app.attempt(tick({ how: 'no' }), ask)
  await assert.rejects(app.execute(tick({ how: 'wrong' }), ask), /a spring broke/)
  await assert.rejects(app.execute(tick({}), { ...ask, context: { ends: true } }), /middleware broke/)
  await app.idle()
  const other = make()
  await other.load(Clockwork, '1')
  await other.execute(tick({}), ask)
  await app.execute(tick({}), ask)
  await clock.advance({ minutes: 1 })
  await app.execute(tick({}), ask)
  await clock.advance({ minutes: 2 })
  usedBytes = 90
  await app.execute(tick({}), ask)
  await clock.advance({ seconds: 10 })
  await app.idle()
  const [snapshot] = await store.snapshots.list('', 'clockwork-1')
  await store.snapshots.save('', 'clockwork-1', { ...snapshot!, body: '[{"ticks":77}]' }, 1)
  await make().load(Clockwork, '1')
  await store.snapshots.save('', 'clockwork-1', { ...snapshot!, body: '{' }, 1)
  await make().load(Clockwork, '1')
  const bank = tend(createApp({ store, commands: [openAccount], projections: [balances], observer, ...more }))
  await bank.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
  const owners = projection('owners', {
    events: [AccountOpened],
    consistency: 'transactional',
    key: ({ data }) => data.owner,
    initial: () => ({ accounts: 0 }),
    evolve: { AccountOpened: ({ accounts }) => ({ accounts: accounts + 1 }) },
  })
  await tend(createApp({ store, commands: [openAccount], projections: [balances, owners], observer, ...more })).prepare()
  const old = {
    id: randomUUID(),
    schemaVersion: 1,
    metadata: JSON.stringify({ correlationId: 'c', causationId: 'c', actor: null }),
    tags: [],
  }
  const closed = { ...old, type: 'AccountClosed', data: JSON.stringify({ reason: 'moved' }) }
  const unknown = { ...old, id: randomUUID(), type: 'AccountLost', data: '{}' }
  await store.append([
    { stream: 'account-old', expectedVersion: 'none', events: [closed] },
    { stream: 'account-odd', expectedVersion: 'none', events: [unknown] },
  ])
  assert.deepEqual((await bank.load(Account, 'old')).state, { status: 'closed' })
  await assert.rejects(bank.load(Account, 'odd'), { code: 'ES_UNKNOWN_EVENT' })
  await overflowing(given, observer)
  await quietly(() => following(given, observer))
  await scheduling(given, observer)
}

/** Everything that happens to schedules. */
async function scheduling({ store, clock, tend }: Given, observer: (signal: Signal) => void): Promise<void> {
  const app = tend(testApp({ commands: [tick], store, clock, observer }))
  for (const [id, how] of Object.entries({ well: undefined, badly: 'wrong' } as const)) {
    await app.schedule(tick({ ...(how && { how }) }), { after: { seconds: 1 }, actor: ann, id })
  }
  const { cancel } = await app.schedule(tick({}), { every: { days: 1 }, actor: ann, id: 'daily' })
  await cancel()
  await app.start()
  await clock.advance({ seconds: 2 })
  await app.settle()
  await app.schedules.retry('badly')
  await app.settle()
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { actors, createApp, newId, processManager, timeOfId } from '../../src/index.ts'
import { testApp } from '../../src/testing/index.ts'
import { Account, AccountOpened, deposit, openAccount } from '../domain/bank.ts'
import { oddCommands, openFilled } from './odd-commands.ts'
import { type Given, onEveryStore } from './on-every-store.ts'
import { all, ann, openBank, openWith, teller } from './open-bank.ts'

const open = openAccount({ accountId: 'a', owner: 'ann' })
const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

onEveryStore('metadata always has who asked, which command, and where it came from', async (given) => {
  const bank = openBank(given)
  const { events } = await bank.execute(open, { actor: teller })
  const { metadata } = events[0]!
  assert.deepEqual(Object.keys(metadata).sort(), ['actor', 'causationId', 'command', 'correlationId'])
  assert.deepEqual([metadata.actor, metadata.command], [teller, 'OpenAccount'])
  assert.match(metadata.correlationId, uuidV7)
  assert.equal(metadata.causationId, metadata.correlationId)
  const second = await bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann })
  assert.notEqual(second.events[0]!.metadata.correlationId, metadata.correlationId)
})

onEveryStore('all events of one command have the same metadata, and different ids', async (given) => {
  const bank = given.tend(createApp({ store: given.store, clock: given.clock, commands: [...oddCommands] }))
  const { events } = await bank.execute(openFilled({ accountId: 'a', amounts: [1, 2, 3] }), { actor: ann })
  for (const { metadata, id } of events) {
    assert.deepEqual(metadata, events[0]!.metadata)
    assert.match(id, uuidV7)
  }
  const ids = events.map(({ id }) => id)
  assert.deepEqual([...new Set(ids)].sort(), ids)
  assert.equal(timeOfId(ids[0]!), given.clock.now())
})

onEveryStore('correlation and cause are kept as given, and found by', async (given) => {
  const bank = openBank(given)
  const cause = newId()
  const { events } = await bank.execute(open, { actor: ann, correlationId: 'order-7', causationId: cause })
  assert.deepEqual([events[0]!.metadata.correlationId, events[0]!.metadata.causationId], ['order-7', cause])
  await bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann })
  assert.deepEqual(
    (await all(bank.events({ correlationId: 'order-7' }))).map(({ type }) => type),
    ['AccountOpened'],
  )
})

onEveryStore('own metadata is added, and cannot take the place of what is always there', async (given) => {
  const bank = openBank(given)
  const metadata = { ip: '::1', nested: { a: [1, null] }, correlationId: 'x', causationId: 'x', actor: 'x', command: 'x' }
  const { events } = await bank.execute(open, { actor: ann, metadata, correlationId: 'mine' })
  const kept = events[0]!.metadata
  assert.deepEqual(
    [kept['ip'], kept['nested'], kept.actor, kept.command, kept.correlationId],
    ['::1', { a: [1, null] }, ann, 'OpenAccount', 'mine'],
  )
  assert.notEqual(kept.causationId, 'x')
  assert.deepEqual((await all(bank.history(Account, 'a')))[0]!.metadata, kept)
})

onEveryStore('metadata, and an actor, that JSON cannot keep are refused with the path, and nothing is written', async (given) => {
  const bank = openBank(given)
  const at = new Date(given.clock.now())
  await assert.rejects(bank.execute(open, { actor: ann, metadata: { deep: { at } } }), { code: 'ES_SERIALIZATION', path: 'deep.at' })
  await assert.rejects(bank.execute(open, { actor: { ...ann, since: at } as never }), { code: 'ES_SERIALIZATION', path: 'actor.since' })
  assert.equal(await bank.streams.info('account-a'), undefined)
})

onEveryStore('somebody always asks: without an actor nothing runs', async (given) => {
  const bank = openBank(given)
  for (const options of [undefined, {}, { actor: undefined }, { actor: null }] as never[])
    await assert.rejects(bank.execute(open, options), { code: 'ES_VALIDATION', message: /who asks/ })
})

onEveryStore('waiting for all does not wait where nobody follows the log', async (given) => {
  const receipt = await openBank(given).execute(open, { actor: ann, waitFor: 'all' })
  assert.equal(receipt.events.length, 1)
})

// ── an actor type of one's own ──

const staff = actors(z.object({ staffNo: z.coerce.number(), branch: z.string() }), { context: z.object({ locale: z.string() }) })
const openForStaff = staff.command(Account, 'OpenForStaff', {
  input: z.object({ accountId: z.string() }),
  id: ({ accountId }) => accountId,
  authorize: ({ actor, context }) => actor.staffNo > 0 && context.locale === 'de',
  decide: ({ actor }) => AccountOpened({ owner: actor.branch }),
})
const openStaff = ({ store, clock, tend }: Given) => tend(createApp({ store, clock, commands: [openForStaff] }))

onEveryStore('an actor and a context of ones own are checked, and seen parsed by every stage', async (given) => {
  const app = openStaff(given)
  const context = { locale: 'de' }
  const { events } = await app.execute(
    { command: 'OpenForStaff', input: { accountId: 'a' } },
    { actor: { staffNo: '7', branch: 'Ulm' }, context },
  )
  assert.deepEqual(events[0]!.metadata.actor, { staffNo: 7, branch: 'Ulm' })
  const call = openForStaff({ accountId: 'b' })
  await assert.rejects(app.execute(call, { actor: ann as never, context }), { code: 'ES_VALIDATION', message: /^actor of OpenForStaff/ })
  await assert.rejects(app.execute(call, { actor: { staffNo: 7, branch: 'Ulm' }, context: {} as never }), {
    code: 'ES_VALIDATION',
    message: /^context of OpenForStaff/,
  })
  await assert.rejects(app.execute(call, { actor: { staffNo: 7, branch: 'Ulm' }, context: { locale: 'fr' } }), { code: 'ES_FORBIDDEN' })
})

onEveryStore('a context is there in every stage, and is not stored', async (given) => {
  const seen: unknown[] = []
  const app = given.tend(
    createApp({
      store: given.store,
      clock: given.clock,
      commands: [openAccount],
      authorize: ({ context }) => seen.push(context) > 0,
      validate: ({ context }) => void seen.push(context),
    }),
  )
  const { events } = await app.execute(open, { actor: ann, context: { request: 'r-1', tools: new Map() } })
  assert.deepEqual(seen, [
    { request: 'r-1', tools: new Map() },
    { request: 'r-1', tools: new Map() },
  ])
  assert.ok(!JSON.stringify(events).includes('r-1'))
})

/** A process that opens a second account for everybody who has opened one, as whoever `actors` says it is. */
function twins(
  options: { readonly process?: (name: string) => { readonly staffNo: number; readonly branch: string } },
  context: z.ZodObject = z.object({}),
) {
  const open = actors(z.object({ staffNo: z.number(), branch: z.string() }), { ...options, context }).command(Account, 'OpenTwin', {
    input: z.object({ accountId: z.string() }),
    id: ({ accountId }) => accountId,
    authorize: () => false, // a process is trusted
    decide: ({ actor }) => AccountOpened({ owner: actor.branch }),
  })
  const process = processManager('twins', {
    events: [AccountOpened],
    commands: [open],
    correlate: ({ subject }) => (subject.endsWith('-twin') ? undefined : subject),
    initial: () => ({}),
    evolve: {},
    on: { AccountOpened: ({ event, send }) => send(open({ accountId: `${event.subject}-twin` })) },
  })
  return { commands: [openAccount, open], processes: [process] }
}

onEveryStore('with an actor of ones own, a process is who the actors say it is, and events tell so', async (given) => {
  const parts = twins({ process: (name) => ({ staffNo: 0, branch: `process ${name}` }) })
  const app = given.tend(testApp({ store: given.store, clock: given.clock, ...parts }))
  await app.execute(open, { actor: ann })
  await app.settle()
  const [event] = await all(app.history(Account, 'a-twin'))
  assert.deepEqual([event?.metadata.actor, event?.data], [{ staffNo: 0, branch: 'process twins' }, { owner: 'process twins' }])
})

test('a process that sends commands of an actor of ones own is refused when nobody says who it is', () => {
  assert.throws(() => testApp(twins({})), {
    code: 'ES_DEFINITION',
    message: /twins.*OpenTwin/,
  })
})

test('a process that sends commands whose context must be given is refused: it has none to give', () => {
  const process = () => ({ staffNo: 0, branch: '' })
  assert.throws(() => testApp(twins({ process }, z.object({ locale: z.string() }))), {
    code: 'ES_DEFINITION',
    message: /twins sends OpenTwin.*context/,
  })
  testApp(twins({ process }, z.object({ locale: z.string().optional() })))
  testApp(twins({ process }, z.object({ locale: z.string().default('en') })))
})

test('the helper opens an account at version 1 and pays in once per amount', async () => {
  // `openWith` is used by nearly all tests of the runtime; if it were wrong, they would be about something else.
  const { memory } = await import('../../src/stores/memory/index.ts')
  const bank = createApp({ store: memory(), commands: [openAccount, deposit] })
  await openWith(bank as never, 'a', 1, 2)
  assert.equal((await bank.load(Account, 'a')).version, 3)
  await bank.stop()
})

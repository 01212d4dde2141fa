/** Events of which nobody can tell whom they concern: they wait under their stream, and nobody else does. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { projection } from '../../../src/index.ts'
import { MoneyDeposited } from '../../domain/bank.ts'
import { type Given, onEveryStore } from '../on-every-store.ts'
import { recorder } from '../open-bank.ts'
import { quietly } from '../quietly.ts'
import { agency, ann, ask, instanceOf, logOf, openAgency } from './agency.ts'
import { openFollowed, openWithDeposits } from './follow.ts'

const lettersOf = (app: ReturnType<typeof openAgency>) => app.deadLetters.map(({ kind, key }) => [kind, key])

onEveryStore('an event whose instance cannot be told is a dead letter of its stream, and the other instances go on', async (given) => {
  const parts = agency()
  let isLost = true
  const { correlate } = parts.booking as { correlate: (event: never) => unknown }
  const booking = {
    ...parts.booking,
    correlate: (event: { readonly data: { readonly trip: string } }) => {
      if (isLost && event.data.trip === 't') throw new Error('whose was it?')
      return correlate(event as never)
    },
  }
  const app = openAgency(given, { ...parts, booking } as never)
  await app.execute(ask({ trip: 't', wants: ['train'] }), { actor: ann })
  await app.execute(ask({ trip: 'u', wants: ['bike'] }), { actor: ann })
  await quietly(() => app.settle())
  assert.deepEqual([lettersOf(app), await instanceOf(given, 't')], [[['process', 'trip-t']], undefined])
  assert.deepEqual(await logOf(app), ['Asked', 'Asked', 'Booked bike'])
  assert.deepEqual(
    (await app.subscriptions.list()).map(({ state }) => state),
    ['waiting'],
  )
  isLost = false
  await app.deadLetters.retry({})
  await quietly(() => app.settle())
  assert.deepEqual([lettersOf(app), (await logOf(app)).at(-1)], [[], 'Booked train'])
  assert.equal((await instanceOf(given, 't')).state.booked, 1)
})

/** An event of a version that this build does not know. */
async function appendOfLater({ store }: Given, stream: string): Promise<void> {
  const data = JSON.stringify({ trip: 't', wants: [] })
  const metadata = JSON.stringify({ correlationId: 'c', causationId: 'c', actor: null })
  const event = { id: randomUUID(), type: 'Asked', schemaVersion: 9, data, metadata, tags: [] }
  await store.append([{ stream, expectedVersion: 'any', events: [event] }])
}

onEveryStore('an event of a later build is a dead letter of a process, too, and the other instances go on', async (given) => {
  const app = openAgency(given, agency())
  await app.settle() // at its start it would refuse to begin
  await appendOfLater(given, 'trip-t')
  await app.execute(ask({ trip: 'u', wants: ['bike'] }), { actor: ann })
  await quietly(() => app.settle())
  assert.deepEqual(lettersOf(app), [['process', 'trip-t']])
  assert.equal((await instanceOf(given, 'u')).state.booked, 1)
})

onEveryStore('an event that comes to its row behind later ones is told of, because its order was lost', async (given) => {
  let isMuddled = true
  const amounts = projection('amounts', {
    events: [MoneyDeposited],
    consistency: 'async',
    key: ({ subject, data }) => {
      if (isMuddled && data.amount === 2) throw new Error('which one was it?')
      return subject
    },
    initial: () => ({ amounts: [] as readonly number[] }),
    evolve: { MoneyDeposited: (row, { data }) => ({ amounts: [...row.amounts, data.amount] }) },
  })
  const signals = recorder()
  const app = openFollowed(given, { projections: [amounts], observer: signals })
  await openWithDeposits(app, 'a', 1, 2, 3)
  await app.settle()
  isMuddled = false
  await app.deadLetters.retry({})
  await quietly(() => app.settle())
  assert.deepEqual(await app.view(amounts as never).get('a'), { amounts: [1, 3, 2] })
  const late = signals.of('subscription.late')
  assert.deepEqual(
    late.map(({ name, keys, position }) => [name, keys, position]),
    [['amounts', ['a'], 3]],
  )
  assert.equal((await app.subscriptions.compare('amounts')).differing.changed, 1)
  await app.subscriptions.rebuild('amounts')
  assert.deepEqual(await app.view(amounts as never).get('a'), { amounts: [1, 2, 3] })
})

/** What process managers send: in whose name, because of what, and what comes of a command that is rejected or fails. */
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../../../src/core/recorded-event.ts'
import { onEveryStore } from '../on-every-store.ts'
import { type Agency, agency, ann, ask, instanceOf, logOf, note, openAgency } from './agency.ts'

/** The same agency with another answer to what is sold out. */
function answering(parts: Agency, Book: Agency['booking']['rejected'][string]): Agency {
  return { ...parts, booking: { ...parts.booking, rejected: { Book } } }
}

onEveryStore('a rejection that is answered with nothing is passed by, and what comes after it is sent', async (given) => {
  const parts = agency()
  parts.refused.add('book car')
  const app = openAgency(
    given,
    answering(parts, () => undefined),
  )
  await app.execute(ask({ trip: 't', wants: ['train', 'car', 'hotel'] }), { actor: ann })
  await app.settle()
  assert.deepEqual(await logOf(app), ['Asked', 'Booked train', 'Booked hotel'])
  const { status, queue, undo, compensated } = await instanceOf(given, 't')
  assert.deepEqual([status, queue, undo.length, compensated], ['running', [], 2, false])
})

onEveryStore('what is sent because of a rejection goes to the end of the queue', async (given) => {
  const parts = agency()
  parts.refused.add('book car')
  const app = openAgency(
    given,
    answering(parts, ({ send, state }) => send(parts.book({ trip: state.trip, what: 'bus' }))),
  )
  await app.execute(ask({ trip: 't', wants: ['car', 'train', 'hotel'] }), { actor: ann })
  await app.settle()
  assert.deepEqual(await logOf(app), ['Asked', 'Booked train', 'Booked hotel', 'Booked bus'])
})

onEveryStore('a command that fails each time makes its instance stuck, with the reason; others go on', async (given) => {
  const parts = agency()
  parts.failing.add('book car')
  const app = openAgency(given, parts)
  await app.execute(ask({ trip: 't', wants: ['train', 'car', 'hotel'] }), { actor: ann })
  await app.execute(ask({ trip: 'u', wants: ['bike'] }), { actor: ann })
  await app.settle()
  assert.deepEqual((await logOf(app)).toSorted(), ['Asked', 'Asked', 'Booked bike', 'Booked train'])
  const { status, attempts, timeline, queue } = await instanceOf(given, 't')
  const { what, name, reason } = timeline.at(-1)
  assert.deepEqual([status, attempts, queue.length, what, name, reason], ['stuck', 5, 2, 'stuck', 'Book', 'the desk is closed'])
  assert.equal((await instanceOf(given, 'u')).status, 'running')
})

onEveryStore('a command is sent in the name of its process, because of the event, and with its correlation', async (given) => {
  const app = openAgency(given, agency())
  await app.execute(ask({ trip: 't', wants: ['train', 'hotel'] }), { actor: ann, correlationId: 'order-7' })
  await app.execute(note({ trip: 't', what: 'more' }), { actor: ann, correlationId: 'call-8' })
  await app.settle()
  const events: RecordedEvent[] = []
  for await (const event of app.events()) events.push(event)
  const [asked, noted] = ['Asked', 'Noted'].map((type) => events.find((event) => event.type === type)!) as [RecordedEvent, RecordedEvent]
  const booking = { id: 'booking', roles: ['process'] }
  assert.deepEqual(
    events
      .filter(({ type }) => type === 'Booked')
      .map(({ metadata: { actor, causationId, correlationId } }) => [actor, causationId, correlationId]),
    [
      [booking, asked.id, 'order-7'],
      [booking, asked.id, 'order-7'],
      [booking, noted.id, 'call-8'],
    ],
  )
})

onEveryStore('two process managers with instances of one name have a state, commands and timers of their own', async (given) => {
  const parts = agency()
  const reminders = {
    ...parts.booking,
    name: 'reminders',
    on: {
      Asked: ({ event, send, timeout }: Parameters<NonNullable<Agency['booking']['on'][string]>>[0]) => [
        timeout('patience', { minutes: 3 }),
        send(parts.book({ trip: event.data.trip, what: 'insurance' })),
      ],
    },
    timeouts: { patience: () => void parts.fired.push('reminder') as undefined },
  }
  const app = openAgency(given, parts, { processes: [parts.booking, reminders] })
  await app.execute(ask({ trip: 't', wants: ['train'] }), { actor: ann })
  await app.execute(note({ trip: 't', what: 'never mind' }), { actor: ann })
  await app.settle()
  assert.deepEqual((await logOf(app)).toSorted(), ['Asked', 'Booked insurance', 'Booked train', 'Noted never mind'])
  const [own, other] = [await app.process(parts.booking).get('t'), await app.process(reminders).get('t')]
  assert.deepEqual([own?.waitingFor.timers.length, other?.waitingFor.timers.length], [0, 1])
  await app.process(parts.booking).close('t', 'it was called off')
  await given.clock.advance({ minutes: 3 })
  await app.settle()
  assert.deepEqual(parts.fired, ['reminder'])
  assert.deepEqual(
    [(await app.process(parts.booking).get('t'))?.status, (await app.process(reminders).get('t'))?.status],
    ['completed', 'running'],
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { aggregate, lifespanMs } from '../../src/core/aggregate.ts'
import { event } from '../../src/core/event.ts'

const Opened = event('Opened', z.object({ owner: z.string() }))
const Closed = event('Closed', z.object({}))
const definition = {
  events: [Opened, Closed],
  initial: () => ({ open: false }),
  evolve: { Opened: () => ({ open: true }), Closed: () => ({ open: false }) },
}

function refused(name: string, change: object, message: RegExp) {
  test(`an aggregate with ${name} is refused`, () => {
    assert.throws(() => aggregate('account', { ...definition, ...change } as never), { code: 'ES_DEFINITION', message })
  })
}

test('an aggregate is its name and its definition, as a value', () => {
  const Account = aggregate('account', { ...definition, snapshot: { everyEvents: 10, keep: 2 } })
  assert.equal(Account.kind, 'aggregate')
  assert.equal(Account.name, 'account')
  assert.equal(Account.events, definition.events)
  assert.deepEqual(Account.snapshot, { everyEvents: 10, keep: 2 })
})

test('a name that cannot start a stream name is refused', () => {
  for (const name of ['', 'a-b', 'a b', '$a', 'konto/süd', undefined]) {
    assert.throws(() => aggregate(name as string, definition), { code: 'ES_DEFINITION', message: /category of its streams/ })
  }
})

refused('no events', { events: [] }, /events must list at least one/)
refused('no list of events', { events: undefined }, /events must list at least one/)
refused('an event that event() did not make', { events: [{ type: 'Opened' }] }, /made by event\(\)/)
refused('an event that is undefined, as in an import cycle', { events: [Opened, undefined] }, /made by event\(\)/)
refused('the same event twice', { events: [Opened, Closed, Opened] }, /Opened twice/)
refused('two events of one type', { events: [Opened, event('Opened', z.object({}))] }, /Opened twice/)
refused('a missing evolver', { evolve: { Opened: definition.evolve.Opened } }, /no function for Closed/)
refused('an evolver that is no function', { evolve: { ...definition.evolve, Closed: 5 } }, /no function for Closed/)
refused('an evolver of another event', { evolve: { ...definition.evolve, Gone: () => 0 } }, /Gone, which is not among its events/)
refused('an initial state instead of a function', { initial: {} }, /initial must be a function/)

for (const count of [0, -1, 1.5, Number.NaN]) {
  refused(`a snapshot every ${count} events`, { snapshot: { everyEvents: count } }, /snapshot\.everyEvents of aggregate account/)
  refused(`${count} snapshots kept`, { snapshot: { keep: count } }, /snapshot\.keep of aggregate account/)
}
refused('save without restore', { snapshot: { save: () => 1 } }, /belong together/)
refused('restore without save', { snapshot: { restore: () => 1 } }, /belong together/)

for (const name of ['afterEvent', 'afterCommand', 'afterError']) {
  for (const value of [{ seconds: 0 }, { minutes: -1 }, 5, 'for ever', {}]) {
    refused(
      `a lifespan ${name} of ${JSON.stringify(value)}`,
      { lifespan: { [name]: value } },
      new RegExp(`lifespan\\.${name} of aggregate account`),
    )
  }
  test(`a lifespan ${name} may be a duration, a word, or a function that is asked later`, () => {
    for (const value of [{ seconds: 1 }, 'forever', 'hibernate', 'stop', () => ({ seconds: 0 })]) {
      aggregate('account', { ...definition, lifespan: { [name]: value } as never })
    }
  })
}
refused('another word for onTimeout', { lifespan: { onTimeout: 'forget' } }, /onTimeout.*'stop' or 'hibernate'/)

test('snapshots may be turned off', () => {
  assert.equal(aggregate('account', { ...definition, snapshot: false }).snapshot, false)
})

test('a lifespan is milliseconds, for ever, or a word', () => {
  assert.deepEqual(
    [lifespanMs({ seconds: 2 }, 'x'), lifespanMs('forever', 'x'), lifespanMs('hibernate', 'x'), lifespanMs('stop', 'x')],
    [2000, Number.POSITIVE_INFINITY, 'hibernate', 'stop'],
  )
})

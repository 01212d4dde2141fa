import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { actors } from '../../src/core/actors.ts'
import { aggregate } from '../../src/core/aggregate.ts'
import { command } from '../../src/core/command.ts'
import { decision } from '../../src/core/decision.ts'
import { event } from '../../src/core/event.ts'

const Opened = event('Opened', z.object({ owner: z.string() }))
const Account = aggregate('account', { events: [Opened], initial: () => 0, evolve: { Opened: (count) => count + 1 } })
const input = z.object({ id: z.string() })
const decide = () => undefined

test('a command is called to make what execute takes', () => {
  const open = command(Account, 'Open', { input, id: ({ id }) => id, decide })
  assert.deepEqual(open({ id: '7' }), { kind: 'call', command: 'Open', input: { id: '7' }, definition: open })
  assert.equal(open.command, 'Open')
  assert.deepEqual({ ...open.boundary }, { kind: 'aggregate', aggregate: Account, id: (open.boundary as { id: unknown }).id })
})

test('making a call checks nothing yet: the input is parsed when it is executed', () => {
  const open = command(Account, 'Open', { input, id: ({ id }) => id, decide })
  assert.deepEqual(open({ id: 7 as never }).input, { id: 7 })
})

test('a command without an aggregate writes to the stream that it names', () => {
  const activate = command('Activate', { input, stream: ({ id }) => `user-${id}`, decide })
  assert.equal(activate.boundary.kind, 'stream')
  assert.deepEqual((activate.boundary as { events: unknown }).events, [])
})

const incomplete: readonly (readonly [what: string, make: () => unknown, message: RegExp])[] = [
  ['without a name', () => command(Account, '', { input, id: String, decide }), /needs a name/],
  ['whose name is no text', () => command(Account, 5 as never, { input, id: String, decide }), /needs a name/],
  ['without an input schema', () => command(Account, 'Open', { id: String, decide } as never), /Command Open needs a Standard Schema/],
  ['without decide', () => command(Account, 'Open', { input, id: String } as never), /Command Open needs decide/],
  ['without id', () => command(Account, 'Open', { input, decide } as never), /Command Open needs id: .* of its account/],
  ['without a definition', () => command(Account, 'Open', undefined as never), /Command Open needs id/],
  ['of something else than an aggregate', () => command({} as never, 'Open', { input, id: String, decide }), /must be made by aggregate/],
  [
    'of an aggregate that is undefined',
    () => command(undefined as never, 'Open', { input, id: String, decide }),
    /must be made by aggregate/,
  ],
  ['without aggregate and stream', () => command('Open', { input, decide } as never), /needs stream/],
]

for (const [what, make, message] of incomplete) {
  test(`a command ${what} is refused`, () => assert.throws(make, { code: 'ES_DEFINITION', message }))
}

test('actors bind their schemas to commands and decisions', () => {
  const actor = z.object({ staffNo: z.number() })
  const context = z.object({ branch: z.string() })
  const bound = actors(actor, { context, process: () => ({ staffNo: 0 }) })
  const open = bound.command(Account, 'Open', { input, id: ({ id }) => id, decide })
  const count = bound.decision('Count', {
    input,
    stream: () => 'a-1',
    events: [Opened],
    boundary: () => [],
    initial: () => 0,
    evolve: { Opened: (n) => n + 1 },
    decide,
  })
  for (const { asker } of [open, count]) {
    assert.equal(asker.actor, actor)
    assert.equal(asker.context, context)
    assert.deepEqual(asker.process?.('transfer'), { staffNo: 0 })
  }
  assert.deepEqual(command(Account, 'Open', { input, id: ({ id }) => id, decide }).asker, {})
})

test('actors refuse what is not a schema', () => {
  assert.throws(() => actors(undefined as never), { code: 'ES_DEFINITION', message: /actors\(\) needs a Standard Schema/ })
  assert.throws(() => actors(input, { context: {} as never }), { code: 'ES_DEFINITION', message: /context of actors\(\)/ })
})

test('decision and command make the same kind of value', () => {
  const count = decision('Count', {
    input,
    stream: () => 'a-1',
    events: [Opened],
    boundary: () => [],
    initial: () => 0,
    evolve: { Opened: (n) => n + 1 },
    decide,
  })
  assert.equal(count.kind, 'command')
  assert.equal(count({ id: '1' }).command, 'Count')
})

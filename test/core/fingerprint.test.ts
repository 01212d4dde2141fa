import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event } from '../../src/core/event.ts'
import { type FoldSource, fingerprintOf, hash53 } from '../../src/core/fingerprint.ts'

const Opened = event('Opened', z.object({}))
const Closed = event('Closed', z.object({}))
const fold: FoldSource = {
  events: [Opened, Closed],
  initial: () => ({ open: false }),
  evolve: { Opened: () => ({ open: true }), Closed: () => ({ open: false }) },
}

test('the same fold has the same fingerprint, in whatever order it is written', () => {
  const { Opened: opened, Closed: closed } = fold.evolve as Record<string, () => unknown>
  assert.equal(fingerprintOf({ ...fold, events: [Closed, Opened], evolve: { Closed: closed, Opened: opened } }), fingerprintOf(fold))
  assert.equal(fingerprintOf({ ...fold, version: 1 }), fingerprintOf(fold))
})

const changes: Readonly<Record<string, Partial<FoldSource>>> = {
  'one event less': { events: [Opened] },
  'another event': { events: [Opened, event('Moved', z.object({}))] },
  'another schema version': { events: [Opened, Closed.upcast(z.object({}), () => ({}))] },
  'another evolver': { evolve: { ...fold.evolve, Closed: () => ({ open: true }) } },
  'one evolver more': { evolve: { ...fold.evolve, Moved: () => ({ open: true }) } },
  'evolvers that have changed places': { evolve: { Opened: fold.evolve?.Closed, Closed: fold.evolve?.Opened } },
  'another initial state': { initial: () => ({ open: true }) },
  'another version': { version: 2 },
  'something more': { more: [() => 'key'] },
}

for (const [what, change] of Object.entries(changes)) {
  test(`a fold with ${what} has another fingerprint`, () => assert.notEqual(fingerprintOf({ ...fold, ...change }), fingerprintOf(fold)))
}

test('all of these differ from each other', () => {
  const fingerprints = Object.values(changes).map((change) => fingerprintOf({ ...fold, ...change }))
  assert.equal(new Set(fingerprints).size, fingerprints.length)
})

test('a hash is 14 hex digits and the same in every build', () => {
  assert.match(hash53(''), /^[0-9a-f]{14}$/)
  assert.equal(hash53('dacapo'), hash53('dacapo'))
  assert.deepEqual([hash53(''), hash53('dacapo')], ['0bdcb81aee8d83', '0577e77b700701'])
})

test('100,000 near texts have 100,000 hashes', () => {
  assert.equal(new Set(Array.from({ length: 100_000 }, (_, i) => hash53(`account-${i}`))).size, 100_000)
})

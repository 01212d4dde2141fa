/** Holds what appends came to against what the model says. */
import assert from 'node:assert/strict'
import type { DacapoError } from '../../../src/core/errors.ts'
import type { AppendResult } from '../../../src/core/event-store.ts'
import type { ModelEvent, ModelRefusal, ModelResult, ModelStore } from './model-store.ts'

/** The results of requests that were made together, in their order. The model learns the positions that were given. */
export function assertSameResults(model: ModelStore, actual: readonly AppendResult[], expected: readonly ModelResult[]): void {
  assert.deepEqual(actual.map(briefly), expected.map(briefly))
  // First all positions: the event that a request was refused for may be in a later answer.
  for (const [i, result] of expected.entries()) {
    if (result.kind === 'appended') learnPositions(result.events, actual[i]!)
  }
  for (const [i, { position }] of model.kept.log.entries()) {
    assert.ok(position > (model.kept.log[i - 1]?.position ?? 0), 'positions rise from 1')
  }
  for (const [i, result] of expected.entries()) {
    const answer = actual[i]!
    if (answer.kind === 'refused' && result.kind === 'refused') assertSameError(answer.error, result.error)
    else assert.deepEqual(answer, result)
  }
}

function learnPositions(written: readonly ModelEvent[], answer: AppendResult): void {
  for (const [i, event] of written.entries()) {
    if (answer.kind === 'appended') event.position = answer.events[i]!.position
  }
}

function assertSameError(error: DacapoError, { unseen, ...fields }: ModelRefusal): void {
  const told = Object.fromEntries(Object.keys(fields).map((field) => [field, error[field as keyof DacapoError]]))
  assert.deepEqual(told, fields)
  if (!unseen) return
  // One that was undone with its group has a position that nobody was told.
  const positions = unseen.map(({ position }) => position)
  assert.ok(
    positions.includes(Number.POSITIVE_INFINITY) || positions.includes((error as { position?: number }).position!),
    'the error names an event that was not seen',
  )
}

/** What is read first when they differ. */
function briefly(result: AppendResult | ModelResult): unknown {
  if (result.kind === 'refused') return [result.kind, result.error.code]
  if (result.kind === 'remembered') return [result.kind, result.entry.outcome]
  return [result.kind, result.version, ...result.events.map(({ id }) => id)]
}

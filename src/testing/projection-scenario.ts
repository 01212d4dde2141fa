/** Given events, then rows. Pure: no store, no engine. */
import { fromJson } from '../core/json.ts'
import type { AnyProjection } from '../core/projection.ts'
import { evolveRow, keysOf } from '../runtime/view/transactional-views.ts'
import { fail, textOf } from './expectation.ts'
import { type GivenEvent, recorderOf } from './given-events.ts'

/** What a projection should have come to. */
export interface ThenRows<V> {
  /** Exactly these rows, by key; all of them. @throws ScenarioFailedError */
  thenRows(rows: Readonly<Record<string, V>>): void
}

/** A test of a projection. */
export interface ProjectionScenario<V> {
  given(...events: readonly GivenEvent[]): ThenRows<V>
}

export function projectionScenario<V>(projection: AnyProjection, past: readonly GivenEvent[]): ThenRows<V> {
  return {
    thenRows(expected) {
      const rows = rowsOf(projection, past)
      const actual = Object.fromEntries([...rows].map(([key, row]) => [key, fromJson(row)]))
      if (textOf('', actual) !== textOf('', expected)) fail(projection.name, `rows${textOf('', expected)}`, `rows${textOf('', actual)}`)
    },
  }
}

function rowsOf(projection: AnyProjection, past: readonly GivenEvent[]): ReadonlyMap<string, string> {
  const rows = new Map<string, string>()
  const types = new Set(projection.events.map(({ type }) => type))
  for (const { recorded, decided } of past.flatMap(recorderOf(projection.events))) {
    if (!types.has(recorded.type)) continue
    // A transactional projection folds before the commit: what a store adds then is not there yet.
    const event = projection.consistency === 'transactional' ? decided : recorded
    for (const key of keysOf(projection, event)) {
      const next = evolveRow(projection, rows.get(key) ?? null, event, key)
      if (next === null) rows.delete(key)
      else if (next !== undefined) rows.set(key, next)
    }
  }
  return rows
}

/** Async projections: rows are read once, folded in memory, and written with the step. */

import { ProjectionFailedError } from '../../core/errors.ts'
import { fromJson, toJson } from '../../core/json.ts'
import type { AnyProjection } from '../../core/projection.ts'
import type { ViewStore } from '../../core/view-store.ts'
import type { RowWrite } from '../../core/work-store.ts'
import { keysOf } from '../view/transactional-views.ts'
import { keptRows } from './kept-rows.ts'
import type { Batch, Consumer, Delivery } from './subscription.ts'

/** A consumer of a projection, with what it must be told of the rows that are there. */
export interface ProjectionConsumer extends Consumer {
  resume(): Promise<void>
  /** There are no rows yet, so those that it has not written need not be looked for. */
  beginEmpty(): void
}

interface Folding {
  readonly tenant: string
  readonly key: string
  /** Whether any event has changed it. */
  isChanged: boolean
  row: unknown
}

/** The generation of rows that a view is read from. */
export async function liveGeneration(views: Pick<ViewStore, 'defined'>, view: string): Promise<number> {
  return (await views.defined()).find((one) => one.view === view)?.generation ?? 0
}

/**
 * A consumer for one part of a projection. Nobody else writes its rows, so those that it has written need not be read again.
 *
 * @param generationOf  which generation of rows it folds into. Asked under the lease: another one becomes live only when the lease is gone.
 * @param kept          how many rows it keeps as text at least.
 */
export function projectionConsumer(
  projection: AnyProjection,
  rows: Pick<ViewStore, 'get'>,
  generationOf: () => Promise<number>,
  kept?: number,
): ProjectionConsumer {
  const { name: view } = projection
  let generation = 0
  /** Whether every row that there is is known. */
  let isComplete = false
  /** The text of rows as they are stored; `null` where there is none. */
  const known = keptRows<string | null>(kept, () => {
    isComplete = false
  })

  async function begin(deliveries: readonly Delivery[]): Promise<Batch> {
    const folding = new Map<string, Folding>()
    const missing = new Map<string, Delivery>()
    for (const delivery of deliveries) {
      const id = idOf(delivery)
      if (folding.has(id) || missing.has(id)) continue
      const row = isComplete ? (known.get(id) ?? null) : known.get(id)
      if (row === undefined) missing.set(id, delivery)
      else folding.set(id, foldingOf(delivery, row))
    }
    await Promise.all(
      [...missing].map(async ([id, delivery]) => {
        const found = await rows.get(delivery.event.tenant, view, delivery.key, generation)
        folding.set(id, foldingOf(delivery, found?.row ?? null))
      }),
    )
    return {
      handle({ event, key }) {
        const one = folding.get(idOf({ event, key })) as Folding
        const next = evolve(projection, one.row, event, key)
        if (next === undefined) return
        one.row = next
        one.isChanged = true
      },
      gathered() {
        const writes: RowWrite[] = []
        for (const [id, { tenant, key, row, isChanged }] of folding) {
          if (!isChanged) continue
          const text = row === null ? null : toJson(row, `row "${key}" of projection ${projection.name}`)
          writes.push({ tenant, view, key, row: text, generation })
          known.set(id, text)
        }
        return { rows: writes }
      },
    }
  }

  return {
    keysOf: (event) => keysOf(projection, event),
    begin,
    forget() {
      known.clear()
      isComplete = false
    },
    beginEmpty() {
      isComplete = true
    },
    async resume() {
      generation = await generationOf()
    },
  }
}

function foldingOf({ event, key }: Delivery, row: string | null): Folding {
  return { tenant: event.tenant, key, isChanged: false, row: row === null ? null : fromJson(row) }
}

function evolve(projection: AnyProjection, row: unknown, event: Delivery['event'], key: string): unknown {
  try {
    return projection.evolve[event.type]?.(row === null ? projection.initial() : row, event, key)
  } catch (cause) {
    throw new ProjectionFailedError(projection.name, event.type, cause)
  }
}

const idOf = ({ event, key }: Pick<Delivery, 'event' | 'key'>): string => `${event.tenant}\u0000${key}`

/**
 * Async projections whose rows are somewhere else than in the store.
 *
 * Invariants:
 * - An event is folded into a row only if it comes after the row's position. So what was written before a commit got lost is not done twice.
 * - The model's checkpoint is written before the position in the store, each time that moves. So a model that is behind has lost something,
 *   and what it has lost is still in the log.
 */
import { DacapoError, StoreUnavailableError } from '../../core/errors.ts'
import type { AnyProjection } from '../../core/projection.ts'
import type { ReadModel, ReadModelRow, ReadModelWrite } from '../../core/read-model.ts'
import { evolveRow, keysOf } from '../view/transactional-views.ts'
import { keptRows } from './kept-rows.ts'
import { isIn, type Slots } from './slots.ts'
import type { Batch, Consumer, Delivery } from './subscription.ts'

export function readModelConsumer(projection: AnyProjection, model: ReadModel, slots: Slots): Consumer {
  const { name: view } = projection
  const share = `${slots.from}-${slots.to}`
  const known = keptRows<ReadModelRow>()
  /** The position up to which the model was told to have everything. */
  let told = 0

  /** What cannot be done because of the rows is theirs; anything else passes. */
  async function asking<T>(ask: () => Promise<T> | T): Promise<T> {
    try {
      return await ask()
    } catch (cause) {
      if (DacapoError.is(cause)) throw cause
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new StoreUnavailableError(`read model of ${view}`, `The read model of ${view} did not answer: ${message}`, { cause })
    }
  }

  async function write(rows: readonly ReadModelWrite[], to: number): Promise<void> {
    const position = Math.max(told, to)
    await asking(() => model.write(view, { rows, checkpoint: { share, position } }))
    told = position
  }

  async function begin(deliveries: readonly Delivery[]): Promise<Batch> {
    const rows = new Map<string, ReadModelRow>()
    const changed = new Map<string, ReadModelWrite>()
    const read = async (id: string, { event, key }: Delivery) => {
      rows.set(id, (await asking(() => model.get(view, event.tenant, key))) ?? neverWritten)
    }
    const missing = new Map<string, Delivery>()
    for (const delivery of deliveries) {
      const id = idOf(delivery)
      const row = known.get(id)
      if (row) rows.set(id, row)
      else missing.set(id, delivery)
    }
    await Promise.all([...missing].map(([id, delivery]) => read(id, delivery)))
    return {
      handle(delivery) {
        const { event, key } = delivery
        const id = idOf(delivery)
        const before = rows.get(id) ?? neverWritten
        if (event.position <= before.position) return
        const row = evolveRow(projection, before.row, event, key)
        if (row === undefined) return
        const after = { row, position: event.position }
        rows.set(id, after)
        changed.set(id, { tenant: event.tenant, key, ...after })
      },
      async finish(to) {
        if (changed.size === 0) return undefined
        // Some of them may be written although the others are not.
        for (const id of changed.keys()) known.delete(id)
        try {
          await write([...changed.values()], to)
        } catch (error) {
          if (DacapoError.is(error) && !error.retryable) return { error }
          throw error
        }
        for (const [id, { row, position }] of changed) known.set(id, { row, position })
        return undefined
      },
      gathered: () => ({}),
    }
  }

  return {
    keysOf: (event) => keysOf(projection, event),
    begin,
    forget() {
      known.clear()
      told = 0
    },
    async reached(to) {
      if (to > told) await write([], to)
    },
    kept: async () => lowestOf(slots, await asking(() => model.checkpoints(view))),
  }
}

const neverWritten: ReadModelRow = { row: null, position: 0 }

/** How far all of the slots are, by the checkpoints of shares that may have been cut otherwise at the time. */
function lowestOf(slots: Slots, checkpoints: Readonly<Record<string, number>>): number {
  const shares = Object.entries(checkpoints).map(([share, position]) => {
    const [from, to] = share.split('-').map(Number) as [number, number]
    return { from, to, position }
  })
  let lowest = Number.POSITIVE_INFINITY
  for (let slot = slots.from; slot <= slots.to; slot++) {
    const positions = shares.filter((share) => isIn(share, slot)).map(({ position }) => position)
    lowest = Math.min(lowest, Math.max(0, ...positions))
  }
  return lowest
}

const idOf = ({ event, key }: Delivery): string => `${event.tenant}\u0000${key}`

/**
 * Compares the rows of a view with those that were built anew, while events keep coming.
 *
 * The new rows stand still at one position. The stored ones go on: a page of them is read together with the positions of the parts that
 * write them, so it is known which position each row reflects. Whichever of two rows is behind the other is brought forward, by the events
 * that lie between; so both are compared at one position, although nobody stops.
 */
import { byCodePoint } from '../../core/code-point-order.ts'
import { decodeEvent } from '../../core/event-codec.ts'
import { fromJson } from '../../core/json.ts'
import type { AnyProjection } from '../../core/projection.ts'
import type { RecordedEvent } from '../../core/recorded-event.ts'
import type { BuiltRow } from '../../core/view-store.ts'
import type { SubscriptionPart } from '../../core/work-store.ts'
import type { Engine } from '../engine.ts'
import { subscriptionId } from '../subscription/define.ts'
import type { PartState } from '../subscription/membership.ts'
import { parkedKind } from '../subscription/parked.ts'
import { isIn, slotCount, slotOf, slotsOf } from '../subscription/slots.ts'
import { evolveRow, keysOf } from '../view/transactional-views.ts'
import { everyRecord } from '../work/every-record.ts'
import type { Comparison, RowDifference } from './comparison.ts'
import { rebuildId } from './rebuild-job.ts'
import { sameJson } from './same-json.ts'

const pageSize = 500
const mostDifferences = 100
/** How far behind the stored rows may be: what lies between is kept in memory. */
const mostBehind = 20_000

/**
 * @param position  of the new rows; nobody writes them meanwhile.
 * @returns `undefined` while the stored rows are too far behind, or when it was stopped.
 */
export async function compareRows(
  engine: Pick<Engine, 'store' | 'definitions'>,
  view: AnyProjection,
  generations: { readonly live: number; readonly built: number },
  position: number,
  stopping: AbortSignal,
): Promise<Comparison | undefined> {
  const { work } = engine.store
  const subscription = subscriptionId('projection', view.name)
  const scan = (generation: number, after: RowName | undefined) =>
    work.scan({ view: view.name, generation, after, limit: pageSize, subscription })
  const parkedIn = async (owner: string) => new Set((await everyRecord(work, { kind: parkedKind, owner: owner })).map(idOf))
  const standStill = { stored: await parkedIn(subscription), built: await parkedIn(rebuildId(view)) }
  const between = eventsBetween(engine, view)

  const differing = { changed: 0, missing: 0, surplus: 0 }
  const differences: RowDifference[] = []
  let rows = 0

  function compare(name: RowName, stored: BuiltRow | undefined, built: BuiltRow | undefined, reached: number): void {
    const id = idOf(name)
    const to = Math.max(position, reached)
    const now = standStill.stored.has(id) ? (stored?.row ?? null) : between.bring(name, stored?.row ?? null, reached, to)
    const anew = standStill.built.has(id) ? (built?.row ?? null) : between.bring(name, built?.row ?? null, position, to)
    if (now === null && anew === null) return
    rows++
    if (sameJson(now, anew)) return
    differing[now === null ? 'missing' : anew === null ? 'surplus' : 'changed']++
    const parsed = (row: string | null) => (row === null ? undefined : fromJson(row))
    if (differences.length < mostDifferences) differences.push({ ...name, stored: parsed(now), rebuilt: parsed(anew) })
  }

  let built: BuiltRow[] = []
  let builtAfter: RowName | undefined
  let isBuiltOver = false
  /** The new rows up to and including a name. */
  async function builtUpTo(last: RowName | undefined): Promise<readonly BuiltRow[]> {
    while (!isBuiltOver && (last === undefined || built.length === 0 || byName(built.at(-1) as BuiltRow, last) < 0)) {
      const page = (await scan(generations.built, builtAfter)).rows
      built = built.concat(page)
      builtAfter = page.at(-1) ?? builtAfter
      isBuiltOver = page.length < pageSize
    }
    const next = last === undefined ? -1 : built.findIndex((row) => byName(row, last) > 0)
    return built.splice(0, next < 0 ? built.length : next)
  }

  for (let after: RowName | undefined; ; ) {
    if (stopping.aborted) return undefined
    const page = await scan(generations.live, after)
    const reached = reachedBy(page.parts)
    if (position - Math.min(...reached) > mostBehind) return undefined
    await between.readUpTo(Math.min(position, ...reached), Math.max(position, ...reached))
    const isLast = page.rows.length < pageSize
    const anew = new Map((await builtUpTo(isLast ? undefined : page.rows.at(-1))).map((row) => [idOf(row), row]))
    const reachedIn = ({ tenant, key }: RowName) => reached[slotOf(tenant, key)] as number
    for (const { tenant, key, row } of page.rows) {
      const id = idOf({ tenant, key })
      compare({ tenant, key }, { tenant, key, row }, anew.get(id), reachedIn({ tenant, key }))
      anew.delete(id)
    }
    for (const { tenant, key, row } of anew.values()) compare({ tenant, key }, undefined, { tenant, key, row }, reachedIn({ tenant, key }))
    // Rows that are made by the events in between alone.
    const isHere = (name: RowName) => isLast || byName(name, page.rows.at(-1) as RowName) <= 0
    const there = new Set([...page.rows.map(idOf), ...anew.keys()])
    for (const name of between.names()) if (isHere(name) && !there.has(idOf(name))) compare(name, undefined, undefined, reachedIn(name))
    if (isLast) break
    after = page.rows.at(-1) as RowName
    between.passBy(after)
  }
  return { position, rows, differing, differences: differences.toSorted(byName) }
}

interface RowName {
  readonly tenant: string
  readonly key: string
}

/** The position that each slot has reached. */
function reachedBy(parts: readonly SubscriptionPart[]): readonly number[] {
  const reached = Array.from({ length: slotCount }, () => 0)
  for (const { part, position, state } of parts) {
    const { ahead = {} } = fromJson(state) as PartState
    const slots = slotsOf(part)
    for (let slot = 0; slot < slotCount; slot++) if (isIn(slots, slot)) reached[slot] = Math.max(position, ahead[slot] ?? 0)
  }
  return reached
}

/** The events of a part of the log that grows, by the rows that they change; of rows that were compared, nothing is kept. */
function eventsBetween({ store, definitions }: Pick<Engine, 'store' | 'definitions'>, view: AnyProjection) {
  const byRow = new Map<string, { readonly name: RowName; readonly events: RecordedEvent[] }>()
  const query = [{ types: view.events.map(({ type }) => type) }]
  let end: number | undefined
  let passed: RowName | undefined
  const isPassed = (name: RowName) => passed !== undefined && byName(name, passed) <= 0
  return {
    /** Reads what is behind `from`, the first time, up to `to`. */
    async readUpTo(from: number, to: number): Promise<void> {
      end ??= from
      if (to <= end) return
      for await (const { events } of store.readAll({ after: end, to, query })) {
        for (const stored of events) {
          try {
            const event = decodeEvent(definitions.eventTypes.get(stored.type), stored)
            for (const key of keysOf(view, event)) {
              const name = { tenant: stored.tenant, key }
              if (isPassed(name)) continue
              const known = byRow.get(idOf(name))
              if (known) known.events.push(event)
              else byRow.set(idOf(name), { name, events: [event] })
            }
          } catch {
            // It cannot be folded, now or by the subscription, which has parked it.
          }
        }
      }
      end = to
    },
    /** Rows up to and including this one were compared. */
    passBy(last: RowName): void {
      passed = last
      for (const [id, { name }] of byRow) if (isPassed(name)) byRow.delete(id)
    },
    names: () => [...byRow.values()].map(({ name }) => name),
    /** A row of one position as it is at a later one. */
    bring(name: RowName, row: string | null, from: number, to: number): string | null {
      let now = row
      for (const event of byRow.get(idOf(name))?.events ?? []) {
        if (event.position <= from || event.position > to) continue
        try {
          const next = evolveRow(view, now, event, name.key)
          if (next !== undefined) now = next
        } catch {
          return now // it is parked, and what comes after it waits
        }
      }
      return now
    },
  }
}

const idOf = ({ tenant, key }: RowName): string => `${tenant}\u0000${key}`

const byName = (left: RowName, right: RowName): number => byCodePoint(left.tenant, right.tenant) || byCodePoint(left.key, right.key)

/**
 * Appends of everybody share commits: whatever waits when the last batch has been committed goes into the next one, in one round trip
 * and without a timer. Each request wins or loses alone. When more waits than fits, tenants take turns.
 *
 * A batch is written as a whole or not at all. When the database names requests whose demands do not hold, these are taken out and
 * judged one by one, in a transaction of their own, and the others go on together. What somebody's open transaction holds goes to the
 * slow lane, where it is tried again and holds up nobody else. Most of that is found out by trying; what can only be found out by waiting
 * for it with the order lock in hand goes to the waiting room, from where one at a time is let in, and seldom.
 *
 * An append whose commit went unanswered may have been written: it is looked for by its event ids before anybody is told.
 *
 * Two batches may be under way: while the database commits one, the next one is made and sent. They touch different streams, rows and
 * keys, so that it does not matter which of them gets the order lock first. What was asked in one call is never in both: it is written
 * in its order, and a condition sees what comes before it.
 *
 * Invariant: a unit is in the queue, in a batch under way, in the slow lane, in the waiting room, or answered.
 */
import { appendInGroups, lostTogether, sizeOf } from '../../core/append-groups.ts'
import { DacapoError, StoppedError, StoreUnavailableError } from '../../core/errors.ts'
import type { AppendRequest, AppendResult } from '../../core/event-store.ts'
import { batchSender } from './append-batch.ts'
import type { AppendContext } from './append-context.ts'
import { BatchPlan } from './batch-plan.ts'
import { commit } from './commit.ts'
import { isLockTimeout, isPassing, isRefusal, isSerialization, storeError } from './driver-errors.ts'
import { FairQueue } from './fair-queue.ts'
import { appendPositioned, Busy, explain, writtenBefore } from './judged-append.ts'
import { type PgClient, rowsOf } from './pg.ts'
import { WaitingLine } from './waiting-line.ts'

/** Requests that win or lose together; most are alone. */
interface Unit {
  /** The same for all units of one call. */
  readonly call: object
  readonly requests: readonly AppendRequest[]
  readonly bytes: number
  readonly waitUntil: number
  /** It has kept others waiting before, so it goes alone. */
  held?: boolean
  /** Its commit went unanswered, with this error. */
  lost?: unknown
  readonly resolve: (results: readonly AppendResult[]) => void
  readonly reject: (error: unknown) => void
}

/** What the batcher needs of its store. */
export interface BatcherOptions {
  readonly context: AppendContext
  readonly maxBatchRequests: number
  readonly maxBatchBytes: number
  readonly busyMs: number
  readonly lockTimeoutMs: number
  /** Lends a connection. */
  readonly use: <T>(work: (client: PgClient) => Promise<T>) => Promise<T>
  /** Told after every commit that moved the head. */
  readonly committed: () => void
}

/** Takes requests; see `EventStore.append`. */
export interface Batcher {
  append(requests: readonly AppendRequest[]): Promise<readonly AppendResult[]>
  /** Takes no more, and tries once more what waits; resolves when everything is answered. */
  close(): Promise<void>
}

/** How many batches may be under way. */
const mostUnderWay = 2

/** So few are not divided between two batches. */
const fewestDivided = 16

/** How long the waiting room stays shut after somebody was let in for nothing, and all others have waited for him. */
const shutMs = 200

export function makeBatcher({ context, maxBatchRequests, maxBatchBytes, busyMs, lockTimeoutMs, use, committed }: BatcherOptions): Batcher {
  // A group may be of several tenants; it stands with the first of them.
  const queue = new FairQueue<Unit>(({ requests }) => requests[0]!.tenant ?? '')
  const send = batchSender(context)
  let flushing = 0
  let underWay = 0
  /** What the batches under way touch: names, and the calls that they are of. */
  const touched = new Set<string | object>()
  /** How many went into the last batch: whoever comes alone is not kept waiting for others. */
  let crowd = 0
  let closing = false
  let idle = () => {}
  /** The slow lane, each with its next attempt. */
  const lane = new Map<Unit, ReturnType<typeof setTimeout>>()
  const waitingRoom = new WaitingLine<Unit>()
  let door: ReturnType<typeof setTimeout> | undefined

  async function submit(requests: readonly AppendRequest[], call: object): Promise<readonly AppendResult[]> {
    if (closing) throw stopped()
    return new Promise((resolve, reject) => {
      enqueue({ call, requests, bytes: sizeOf(requests), waitUntil: performance.now() + lockTimeoutMs, resolve, reject })
    })
  }

  function enqueue(unit: Unit): void {
    queue.push(unit)
    if (flushing < mostUnderWay) void flush()
  }

  async function flush(): Promise<void> {
    flushing++
    while (!queue.isEmpty) {
      // Whoever is resumed by the last commit may have more to write: it gets in here, before the next one.
      await (crowd > 1 ? new Promise((resolve) => setImmediate(resolve)) : undefined)
      const [plan, units] = takeBatch()
      // What is left has to wait for a batch under way, which looks again when it is done.
      if (units.length === 0) break
      crowd = units.length
      const own = units.flatMap(touchedBy)
      for (const one of own) touched.add(one)
      underWay++
      if (!queue.isEmpty && flushing < mostUnderWay) void flush()
      await commitBatch(plan, units)
      underWay--
      for (const one of own) touched.delete(one)
    }
    if (--flushing === 0) idle()
  }

  /** As many of those who wait as fit; who does not fit stays, and with it everybody of its tenant behind it, who may touch the same. */
  function takeBatch(): readonly [BatchPlan, readonly Unit[]] {
    const plan = new BatchPlan()
    const units: Unit[] = []
    const share = Math.max(fewestDivided, Math.ceil(queue.size / (mostUnderWay - underWay)))
    let bytes = 0
    let alone = false
    queue.take((unit) => {
      const tooMuch = plan.count + unit.requests.length > maxBatchRequests || bytes + unit.bytes > maxBatchBytes
      if (alone || (units.length > 0 && tooMuch)) return 'enough'
      const [request] = unit.requests as readonly [AppendRequest]
      const isTied = unit.call === units.at(-1)?.call || plan.touches(request.tenant, request.stream)
      if (units.length >= share && !isTied) return 'enough'
      if (touched.size > 0 && touchedBy(unit).some((one) => touched.has(one))) return 'not now'
      if (needsCare(unit)) {
        if (units.length > 0) return 'not now'
        alone = true
      } else {
        if (!plan.fits(request)) return 'not now'
        plan.take(request)
      }
      units.push(unit)
      bytes += unit.bytes
      return 'taken'
    })
    return [plan, units]
  }

  async function commitBatch(plan: BatchPlan, units: readonly Unit[]): Promise<void> {
    if (needsCare(units[0] as Unit)) {
      await judgeEach(units)
      return
    }
    const requests = units.flatMap((unit) => unit.requests)
    try {
      const outcome = await use((client) => send(client, plan, requests))
      if (outcome.kind === 'written') {
        let at = 0
        for (const { requests, resolve } of units) {
          resolve(outcome.results.slice(at, at + requests.length))
          at += requests.length
        }
        if (plan.events.length > 0) committed()
        return
      }
      const [named, others] = split(units, plan, outcome.requests)
      queue.putBack(others)
      if (outcome.kind === 'busy') for (const unit of named) waitForTurn(unit)
      else await judgeEach(named)
    } catch (error) {
      if (isRefusal(error)) await judgeEach(units)
      else await resolveUnknown(units, error)
    }
  }

  /** One after the other, each in a transaction of its own; several requests of a unit in the same. */
  async function judgeEach(units: readonly Unit[]): Promise<void> {
    for (const unit of units) {
      try {
        await judgeNow(unit)
      } catch (error) {
        if (isRefusal(error)) unit.reject(storeError(error))
        else await resolveUnknown([unit], error)
      }
    }
  }

  /**
   * Nobody knows whether the commit took place. Whoever holds the order lock does: the lost transaction had it, so it has ended, and
   * what it wrote is there; or it has not come so far, and will find what is written now. Event ids are unique, so it is never both.
   */
  async function resolveUnknown(units: readonly Unit[], error: unknown): Promise<void> {
    let away = error instanceof StoppedError
    for (const unit of units) {
      unit.lost ??= error
      try {
        if (!away) await judgeNow(unit)
      } catch (again) {
        away = !isRefusal(again)
        unit.reject(storeError(unit.lost))
        continue
      }
      if (away) unit.reject(storeError(unit.lost)) // so the many behind the first one do not all try in vain
    }
  }

  /** @throws what neither answers a unit nor lets it wait. */
  async function judgeNow(unit: Unit): Promise<void> {
    try {
      unit.resolve(await use((client) => judgeAlone(client, unit)))
      committed()
      if (unit.held) openDoor()
    } catch (error) {
      if (error instanceof Busy || isSerialization(error)) waitForTurn(unit)
      else if (isLockTimeout(error)) waitOutside(unit)
      else throw error
    }
  }

  async function judgeAlone(client: PgClient, { requests, lost }: Unit): Promise<readonly AppendResult[]> {
    const answers: AppendResult[] = []
    await rowsOf(client, 'BEGIN ISOLATION LEVEL READ COMMITTED')
    try {
      await rowsOf(client, `SELECT ${context.schema}.take_order_lock()`)
      const written = lost === undefined ? undefined : await writtenBefore(context, client, requests)
      if (written) {
        await commit(client)
        return written
      }
      for (const request of requests) {
        await rowsOf(client, 'SAVEPOINT request')
        try {
          answers.push(await appendPositioned(context, client, request))
        } catch (error) {
          if (error instanceof Busy || isPassing(error) || (!DacapoError.is(error) && !isRefusal(error))) throw error
          await rowsOf(client, 'ROLLBACK TO request')
          answers.push(explain(request, error))
        }
      }
      const undone = lostTogether(answers)
      if (undone) await rowsOf(client, 'ROLLBACK')
      else await commit(client)
      return undone ?? answers
    } catch (error) {
      await rowsOf(client, 'ROLLBACK').catch(() => {}) // the connection is gone, or the transaction is
      throw error
    }
  }

  /** The slow lane: tried again after a while, until somebody's transaction has ended or the time is up. */
  function waitForTurn(unit: Unit): void {
    if (givesUp(unit)) return
    const again = () => {
      lane.delete(unit)
      enqueue(unit)
    }
    lane.set(unit, setTimeout(again, busyMs * (0.5 + Math.random())))
  }

  /**
   * The waiting room: however many are in it, together they keep the others from the order lock for a small part of the time.
   * Invariant: while somebody is in it, the door is going to open. Who has got through opens it for the next one at once.
   */
  function waitOutside(unit: Unit): void {
    unit.held = true
    if (givesUp(unit)) return
    waitingRoom.append(unit)
    door ??= setTimeout(openDoor, shutMs)
  }

  function openDoor(): void {
    clearTimeout(door)
    const unit = waitingRoom.shift()
    door = waitingRoom.isEmpty ? undefined : setTimeout(openDoor, shutMs)
    if (unit && !givesUp(unit)) enqueue(unit)
  }

  /** Whether the time of a unit is up, which is then told. */
  function givesUp(unit: Unit): boolean {
    if (!closing && performance.now() <= unit.waitUntil) return false
    const message = `A transaction holds a stream, key or row that an append to ${unit.requests[0]!.stream} needs, for more than ${lockTimeoutMs} ms. Nothing was written: try again when it has ended.`
    if (unit.lost !== undefined) unit.reject(storeError(unit.lost))
    else unit.reject(closing ? stopped() : new StoreUnavailableError('postgres', message, { retryable: true }))
    return true
  }

  return {
    async close() {
      closing = true
      clearTimeout(door)
      for (const [unit, attempt] of lane) {
        clearTimeout(attempt)
        enqueue(unit)
      }
      lane.clear()
      for (let unit = waitingRoom.shift(); unit; unit = waitingRoom.shift()) enqueue(unit)
      if (flushing > 0) {
        await new Promise<void>((resolve) => {
          idle = resolve
        })
      }
    },
    append(requests) {
      const call = {}
      return appendInGroups(requests, (group) => submit(group, call))
    },
  }
}

const stopped = () => new StoppedError('The PostgreSQL store')

/** What nobody else may touch while a unit is under way. */
const touchedBy = ({ call, requests }: Unit): readonly (string | object)[] => [call, ...requests.flatMap(namesOf)]

function namesOf({ tenant = '', stream, checks = [], views = [], idempotency }: AppendRequest): readonly string[] {
  const names = [`s${stream}\n${tenant}`]
  for (const check of checks) names.push(`s${check.stream}\n${tenant}`)
  for (const { view, key } of views) names.push(`v${view}\n${key}\n${tenant}`)
  if (idempotency) names.push(`k${idempotency.key}\n${tenant}`)
  return names
}

/** What the batch function cannot do, or could not undo for one alone. */
function needsCare({ requests, held, lost }: Unit): boolean {
  return (
    held || lost !== undefined || requests.length > 1 || (requests[0]!.statements?.length ?? 0) > 0 || requests[0]!.recordedAt !== undefined
  )
}

/** Those who are named, with everybody who shares a stream with one of them; and the others. */
function split(units: readonly Unit[], plan: BatchPlan, named: ReadonlySet<number>): readonly [readonly Unit[], readonly Unit[]] {
  const streams = new Set([...named].map((i) => plan.placed[i]!.stream))
  const isNamed = (_: Unit, i: number) => named.has(i) || (plan.placed[i]!.stream >= 0 && streams.has(plan.placed[i]!.stream))
  return [units.filter(isNamed), units.filter((unit, i) => !isNamed(unit, i))]
}

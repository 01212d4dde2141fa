/**
 * The skip auditor: compares what the parts of this process say that they have looked at with the log, read afresh.
 *
 * It takes another way than the work does: backwards, from the store, past everything that is kept in memory. Nobody waits for it, and it
 * makes pauses, so that it takes a small share of the time. What is in order is forgotten; what is not is a hole: kept, and told.
 *
 * Only who still holds a part reports what is wrong with it, in a commit under its lease; otherwise whoever has it now finds the same.
 */
import type { Clock } from '../../core/clock.ts'
import { LeaseLostError } from '../../core/errors.ts'
import type { EventStore } from '../../core/event-store.ts'
import type { Background } from '../background.ts'
import { type Engine, report } from '../engine.ts'
import { pause } from '../timeout.ts'
import { commitOne } from '../work/commit-one.ts'
import { type Hole, holeRecord } from './holes.ts'
import { difference, extended, isSame, nothingProven, type Proof, sumsOf } from './proof.ts'
import { partOf } from './signals.ts'
import type { PartWorker } from './worker.ts'

/** Compares now and then, until it is stopped. */
export interface Auditor {
  /** Compares everything now, without pauses. Returns the holes. */
  audit(): Promise<readonly Hole[]>
  stop(): void
}

export interface AuditorOptions {
  readonly store: EventStore
  readonly clock: Clock
  readonly background: Background
  /** `undefined`: only when asked. */
  readonly everyMs: number | undefined
  readonly workers: () => readonly PartWorker[]
  readonly tell: Engine['tell']
}

const pageSize = 500

/** An audit rests so many times as long as it has worked. */
const rests = 9

/** Among how many events two are looked for. */
const mostPaired = 200_000

interface Claim {
  readonly worker: PartWorker
  readonly proof: Proof
}

export function makeAuditor({ store, clock, background, everyMs, workers, tell }: AuditorOptions): Auditor {
  const stopping = new AbortController()
  let turn: Promise<unknown> = Promise.resolve()
  /** How many wait for an audit that they have asked for. */
  let waiting = 0
  let endRest = () => {}
  let cancel = () => {}
  wait()

  function wait(): void {
    if (everyMs === undefined || stopping.signal.aborted) return
    cancel = clock.after(everyMs, () =>
      background.run(
        async () => {
          await auditAll(rests).finally(wait)
        },
        (error) => report('an audit of what follows the log failed; it is tried again', error),
      ),
    )
  }

  /** One audit after the other. */
  function auditAll(resting: number): Promise<readonly Hole[]> {
    const audited = turn.then(async () => {
      const holes: Hole[] = []
      const claims = workers().flatMap((worker) => worker.proofs.map((proof) => ({ worker, proof })))
      // Parts of one subscription look at the same events, so they are read once for all of them.
      for (const own of Map.groupBy(claims, ({ worker }) => worker.subscription).values()) holes.push(...(await auditOne(own, resting)))
      return holes
    })
    turn = audited.catch(() => {})
    return audited
  }

  async function auditOne(claims: readonly Claim[], resting: number): Promise<readonly Hole[]> {
    const counted = claims.map(({ proof }) => nothingProven(proof.types, proof.after))
    const startedAt = clock.now()
    for await (const positions of positionsFor(claims, resting)) {
      for (const [i, { proof }] of claims.entries()) {
        const own = positions.filter((position) => position > proof.after && position <= proof.to)
        counted[i] = extended(counted[i] as Proof, own, proof.to)
      }
    }
    const holes: Hole[] = []
    for (const [i, claim] of claims.entries()) {
      if (stopping.signal.aborted) break
      const { worker, proof } = claim
      const inLog = counted[i] as Proof
      const { after, to } = proof
      if (proof.count !== inLog.count || !isSame(proof.sums, inLog.sums)) {
        const hole = { part: worker.lease.part, after, to, expected: inLog.count, actual: proof.count, foundAt: new Date(clock.now()) }
        const found = { ...hole, positions: await differing(claim, inLog, resting) }
        if (!(await keep(claim, found))) continue
        holes.push(found)
      }
      worker.compared(proof)
      tell?.({ signal: 'subscription.audit', ...partOf(worker), after, to, events: inLog.count, durationMs: clock.now() - startedAt })
    }
    return holes
  }

  /** The positions of everything that these are about, newest first, in pages. */
  async function* positionsFor(claims: readonly Claim[], resting: number): AsyncGenerator<readonly number[]> {
    const [first] = claims
    if (!first) return
    const range = { after: Math.min(...claims.map(({ proof }) => proof.after)), to: Math.max(...claims.map(({ proof }) => proof.to)) }
    const query = [{ types: [...first.worker.subscription.types] }]
    let startedAt = performance.now()
    for await (const { events } of store.readAll({ ...range, query, backwards: true, pageSize })) {
      yield events.map(({ position }) => position)
      if (resting > 0) await rest(resting * (performance.now() - startedAt))
      if (stopping.signal.aborted) return
      startedAt = performance.now()
    }
  }

  /** Nobody is kept waiting by an audit that takes its time. */
  async function rest(ms: number): Promise<void> {
    if (waiting > 0 || stopping.signal.aborted) return
    const over = new AbortController()
    endRest = () => over.abort()
    await pause(ms, over.signal)
  }

  /** Returns whether it was kept: not when somebody else has the part by now. */
  async function keep({ worker }: Claim, hole: Hole): Promise<boolean> {
    const { lease, subscription } = worker
    try {
      await commitOne(store.work, { steps: [lease], records: [holeRecord(lease, hole)] })
    } catch (error) {
      if (error instanceof LeaseLostError) return false
      throw error
    }
    const { foundAt: _, ...found } = hole
    tell?.({ signal: 'subscription.hole', ...partOf(worker), ...found })
    report(
      `${subscription.name} has a hole`,
      new Error(
        `Of positions ${hole.after + 1} to ${hole.to}, the log has ${hole.expected} events for it; part ${hole.part} took ${hole.actual}.`,
      ),
    )
    return true
  }

  /** Which events it is, as long as there are no more than two: the sums then tell which. */
  async function differing(claim: Claim, inLog: Proof, resting: number): Promise<readonly number[] | undefined> {
    const { proof } = claim
    const wanted = inLog.count > proof.count ? difference(inLog.sums, proof.sums) : difference(proof.sums, inLog.sums)
    const count = Math.abs(inLog.count - proof.count)
    if (count !== 1 && count !== 2) return undefined
    const others = new Map<number, number>()
    for await (const positions of positionsFor([claim], resting)) {
      for (const position of positions) {
        const sums = sumsOf(position)
        if (count === 1 && isSame(sums, wanted)) return [position]
        if (count === 1) continue
        const other = others.get(sums[0])
        if (other !== undefined && isSame(difference(wanted, sums), sumsOf(other))) return [position, other]
        if (others.size === mostPaired) return undefined
        others.set(difference(wanted, sums)[0], position)
      }
    }
    return undefined
  }

  return {
    async audit() {
      waiting++
      endRest()
      return auditAll(0).finally(() => waiting--)
    },
    stop() {
      stopping.abort()
      endRest()
      cancel()
    },
  }
}

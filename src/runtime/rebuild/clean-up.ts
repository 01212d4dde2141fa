/** Deletes what rebuilds have left behind: the rows of before, and those of one that was cancelled. */
import type { EventStore } from '../../core/event-store.ts'
import { type Gate, gate } from '../../core/gate.ts'
import type { RecordWrite, WorkRecord } from '../../core/work-store.ts'
import type { Engine } from '../engine.ts'
import { controlKind } from '../subscription/control.ts'
import { parkedKind } from '../subscription/parked.ts'
import { everyRecord } from '../work/every-record.ts'
import { deletion, foldedRecord, type Garbage, idOfJob, jobRecord, readJob, takeAway } from './rebuild-job.ts'

/**
 * Safe to call at any time, from any process, and again after a crash: what is to be deleted stands in the job's record until it is. In
 * one process the deletions of a view come one after the other: a second one would only wait for the rows that the first one deletes.
 *
 * @param stopping  millions of rows take their time, and nobody is to wait for that: what is left then is left to whoever looks next.
 */
export async function cleanUp({ store }: Pick<Engine, 'store'>, view: string, stopping: AbortSignal): Promise<void> {
  const leave = await gateOf(store, view).enter()
  try {
    await deleteGarbage(store, view, stopping)
  } finally {
    leave()
  }
}

function gateOf(store: EventStore, view: string): Gate {
  const ofStore = gates.get(store) ?? new Map<string, Gate>()
  gates.set(store, ofStore)
  const known = ofStore.get(view) ?? gate()
  ofStore.set(view, known)
  return known
}

const gates = new WeakMap<EventStore, Map<string, Gate>>()

async function deleteGarbage({ work, views }: EventStore, view: string, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    const job = await readJob(work, view)
    const { garbage } = job
    if (garbage.length === 0) return
    // Whoever still fills one of them must have stopped before: otherwise a row might come after the others were deleted.
    await takeAway(work, view, (generation) => garbage.some((one) => one.generation === generation))
    for (const { generation, indexes } of garbage) await views.discard({ view, indexes, fingerprint: '' }, generation, stopping)
    if (stopping.aborted) return // it may not have been all: the record keeps what is to be deleted
    const left = await leftBy(garbage, job.status === 'running' ? idOfJob(job) : undefined)
    // Refused when another job has begun meanwhile, so nothing of that one is deleted.
    const [result] = await work.commit([{ records: [jobRecord({ ...job, garbage: [] }), ...left] }])
    if (result?.kind === 'done') return
  }

  /** Records of works that are over. One that runs under the same id has made room for itself. */
  async function leftBy(garbage: readonly Garbage[], running: string | undefined): Promise<readonly RecordWrite[]> {
    const ids = new Set(garbage.flatMap(({ id }) => (id === undefined || id === running ? [] : [id])))
    const found: RecordWrite[] = []
    for (const id of ids) found.push(foldedRecord(id, null), ...(await recordsOf(id)).map(deletion))
    return found
  }

  async function recordsOf(id: string): Promise<readonly WorkRecord[]> {
    return [...(await everyRecord(work, { kind: parkedKind, owner: id })), ...(await everyRecord(work, { kind: controlKind, owner: id }))]
  }
}

/**
 * The rebuild of a view, as it is kept: one record a view, and one part of work while it goes on.
 *
 * Invariants:
 * - A generation of rows is filled once: its number is never used again, and it is in the name of the part that fills it. Who has written
 *   the record of a job makes its part, once; when that does not happen, the job is begun anew, with another generation.
 * - Whoever fills a generation does so under the lease of the part. To take the part away ends it, wherever it runs.
 * - Rows that nobody needs any more are noted down in the commit that makes them so, until they are deleted.
 */
import { fromJson } from '../../core/json.ts'
import type { AnyProjection } from '../../core/projection.ts'
import type { ViewDefinition } from '../../core/view-store.ts'
import type { Lease, RecordName, RecordWrite, SubscriptionPart, WorkRecord, WorkStore } from '../../core/work-store.ts'
import { viewDefinitionOf } from '../prepare-store.ts'
import { everyRecord } from '../work/every-record.ts'
import { leaseOf } from '../work/leases.ts'
import type { Comparison } from './comparison.ts'

/** Rows that are to be deleted. */
export interface Garbage {
  readonly generation: number
  readonly indexes: ViewDefinition['indexes']
  /** The id of the work that has filled them, which may have left records behind. */
  readonly id?: string
}

/** What is known of the rebuild of a view: the present one, or the last. */
export interface Job {
  readonly view: string
  readonly status: 'never' | 'running' | 'done' | 'cancelled'
  /** Which generation it fills. The next one is above. */
  readonly generation: number
  readonly indexes: ViewDefinition['indexes']
  /** Of the fold. */
  readonly fingerprint: string
  /** Where the view's story begins: behind this position. */
  readonly start: number
  /** Only to compare: nothing is switched. */
  readonly isComparison: boolean
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly endedAt?: number
  /** Where it has ended, and how many events it has folded. */
  readonly position?: number
  readonly events?: number
  readonly comparison?: Comparison
  readonly garbage: readonly Garbage[]
  /** 0 when there is no record yet. */
  readonly revision: number
}

/** Whether its rows are in the store, and kept by a subscription. */
export const isRebuildable = ({ consistency, readModel }: AnyProjection): boolean => consistency === 'async' && readModel === undefined

/** The work that rebuilds a view with one fold: only builds that have this fold can do it. */
export const rebuildId = (view: AnyProjection): string => idOfJob({ view: view.name, fingerprint: viewDefinitionOf(view).fingerprint })

export const idOfJob = ({ view, fingerprint }: Pick<Job, 'view' | 'fingerprint'>): string => `${rebuildsOf(view)}${fingerprint}`

const rebuildsOf = (view: string): string => `rebuild:${view}@`

/** Whether parts or records belong to a rebuild. */
export const isOfRebuild = (id: string): boolean => id.startsWith('rebuild:')

const jobKind = 'rebuild'
const jobName = (view: string): RecordName => ({ kind: jobKind, owner: `projection:${view}`, tenant: '', key: '' })

export async function readJob(work: WorkStore, view: string): Promise<Job> {
  const record = await work.record(jobName(view))
  if (record) return toJob(record)
  const none = {
    status: 'never',
    generation: 0,
    indexes: {},
    fingerprint: '',
    start: 0,
    isComparison: false,
    startedAt: 0,
    garbage: [],
  } as const
  return { view, ...none, revision: 0 }
}

/** The jobs of all views that were ever rebuilt, by view: one question, however many views there are. */
export async function readJobs(work: WorkStore): Promise<ReadonlyMap<string, Job>> {
  return new Map((await everyRecord(work, { kind: jobKind })).map(toJob).map((job) => [job.view, job]))
}

const toJob = ({ body, revision }: WorkRecord): Job => ({ ...(fromJson(body) as Omit<Job, 'revision'>), revision })

/** The record of what becomes of a job; refused when it is another one by now. */
export function jobRecord({ revision, ...job }: Job): RecordWrite {
  return { ...jobName(job.view), slot: 0, status: job.status, dueAt: null, body: JSON.stringify(job), expectedRevision: revision }
}

/** The name of the part ends with the generation: epochs begin anew with a new part, and a lease must never fit another job. */
const partOf = (generation: number): string => `0/1/${generation}`

export const generationOf = ({ part }: Pick<Lease, 'part'>): number => Number(part.split('/')[2])

/** The part that fills a job's generation, if there is one. */
export async function partOfJob(work: WorkStore, id: string, job: Job): Promise<SubscriptionPart | undefined> {
  return (await work.parts(id)).find((part) => generationOf(part) === job.generation)
}

/** Makes the part of a job; false when there is any. Only for who has begun the job, and once. */
export function makePart(work: WorkStore, id: string, { generation, start }: Job): Promise<boolean> {
  return work.divide(id, [], [{ part: partOf(generation), position: start, state: '{}' }])
}

/** Takes the filling of some generations of a view away from whoever does it. */
export async function takeAway(work: WorkStore, view: string, isOver: (generation: number) => boolean): Promise<void> {
  for (;;) {
    const parts = (await work.parts()).filter((part) => part.subscription.startsWith(rebuildsOf(view)) && isOver(generationOf(part)))
    if (parts.length === 0) return
    for (const part of parts) await work.divide(part.subscription, [leaseOf(part)], [])
  }
}

/** How many events were folded into a generation, written with the rows. */
export interface FoldedEvents {
  readonly generation: number
  readonly events: number
}

const foldedName = (id: string): RecordName => ({ kind: 'rebuild-events', owner: id, tenant: '', key: '' })

export const foldedRecord = (id: string, folded: FoldedEvents | null): RecordWrite => ({
  ...foldedName(id),
  slot: 0,
  status: '',
  dueAt: null,
  body: folded && JSON.stringify(folded),
})

export async function readFolded(work: WorkStore, id: string): Promise<FoldedEvents | undefined> {
  const record = await work.record(foldedName(id))
  return record && (fromJson(record.body) as FoldedEvents)
}

/** Deletes a record, if it is still what was read. */
export function deletion({ kind, owner, tenant, key, slot, status, revision }: WorkRecord): RecordWrite {
  return { kind, owner, tenant, key, slot, status, dueAt: null, body: null, expectedRevision: revision }
}

/**
 * What operators want of subscriptions, and what has become of parts that have failed: records, so that every process sees them, also
 * after a restart.
 *
 * One record a subscription (its key is empty) says what is wanted; whoever works on a part looks at it now and then, and follows. One
 * record for each part that has failed says why, and under which epoch: it is outdated as soon as the part is taken over.
 */
import { RecordConflictError } from '../../core/errors.ts'
import { fromJson } from '../../core/json.ts'
import type { Lease, RecordWrite, WorkRecord, WorkStore } from '../../core/work-store.ts'
import { commitOne } from '../work/commit-one.ts'
import { everyRecord } from '../work/every-record.ts'
import { type Failure, toFailure } from './parked.ts'
import { slotsOf } from './slots.ts'

/** The kind of record. */
export const controlKind = 'control'

/** Everything behind a position is to be handled again. */
export interface Rewind {
  /** Counts the rewinds of a subscription, from 1. Each part remembers the last one that it has made. */
  readonly number: number
  readonly to: number
}

/** What is wanted of a subscription. */
export interface Wish {
  readonly isPaused: boolean
  /** Counts how often somebody has asked for it to go on: parts that had failed before begin again. */
  readonly resumes: number
  /** In order; without those that every part has made, but always with the last one. */
  readonly rewinds: readonly Rewind[]
}

/** Why a part stands still. */
export interface PartFailure {
  readonly part: string
  /** Under which it has failed. */
  readonly epoch: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly error: Failure
}

/** What is known of a subscription beside how far it is. */
export interface Control extends Wish {
  readonly failures: readonly PartFailure[]
  /** Of the wish; 0: nobody has ever wished anything. */
  readonly revision: number
}

export const noControl: Control = { isPaused: false, resumes: 0, rewinds: [], failures: [], revision: 0 }

/** How often a wish is worked out anew because somebody else has changed it. */
const mostConflicts = 10

/** The control of subscriptions by id, or of one of them. */
export async function loadControls(work: WorkStore, subscription?: string): Promise<ReadonlyMap<string, Control>> {
  const controls = new Map<string, Control>()
  const question = { kind: controlKind, ...(subscription === undefined ? {} : { owner: subscription }) }
  for (const record of await everyRecord(work, question)) {
    controls.set(record.owner, withRecord(controls.get(record.owner) ?? noControl, record))
  }
  return controls
}

/** The control of one subscription. */
export async function controlOf(work: WorkStore, subscription: string): Promise<Control> {
  return (await loadControls(work, subscription)).get(subscription) ?? noControl
}

function withRecord(control: Control, { key, status, body, revision }: WorkRecord): Control {
  if (key !== '') return { ...control, failures: [...control.failures, { part: key, ...(fromJson(body) as Omit<PartFailure, 'part'>) }] }
  return { ...control, ...(fromJson(body) as Pick<Wish, 'resumes' | 'rewinds'>), isPaused: status === 'paused', revision }
}

/** Changes what is wanted. @throws RecordConflictError (`ES_RECORD_CONFLICT`) others change it all the time. */
export async function wish(work: WorkStore, subscription: string, toNext: (control: Control) => Wish): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const control = await controlOf(work, subscription)
    const { isPaused, resumes, rewinds } = toNext(control)
    const record = { kind: controlKind, owner: subscription, tenant: '', key: '', slot: 0, status: isPaused ? 'paused' : 'running' }
    const body = JSON.stringify({ resumes, rewinds })
    try {
      return await commitOne(work, { records: [{ ...record, dueAt: null, body, expectedRevision: control.revision }] })
    } catch (error) {
      if (attempt === mostConflicts || !(error instanceof RecordConflictError)) throw error
    }
  }
}

/** The record of a part that has failed, or without an error its end. */
export function failureRecord({ subscription, part, epoch }: Lease, at: number, error?: unknown): RecordWrite {
  const body = error === undefined ? null : JSON.stringify({ epoch, at, error: toFailure(error) })
  return { kind: controlKind, owner: subscription, tenant: '', key: part, slot: slotsOf(part).from, status: 'failed', dueAt: null, body }
}

/** The failures of those parts that still are what they were when they have failed. */
export function standing(control: Control, parts: readonly Pick<Lease, 'part' | 'epoch'>[]): readonly PartFailure[] {
  return control.failures.filter(({ part, epoch }) => parts.some((one) => one.part === part && one.epoch === epoch))
}

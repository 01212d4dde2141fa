/** Work in SQLite: who does it, how far it is, and its records. */
import { DacapoError, LeaseLostError, RecordConflictError } from '../../core/errors.ts'
import { keptUnder } from '../../core/view-store.ts'
import type { Lease, RecordName, ScannedRows, ScanRows, SubscriptionPart, Work, WorkResult, WorkStore } from '../../core/work-store.ts'
import { scanRows } from '../sql/scan-rows.ts'
import { statementFailure } from '../sql/statement-failure.ts'
import { ownerColumns, partColumns, recordColumns, recordsStatement, toOwner, toPart, toRecord } from '../sql/work-rows.ts'
import { dialect } from './dialect.ts'
import { isFatal } from './driver-errors.ts'
import type { Work as CommitWork, GroupCommit } from './group-commit.ts'
import type { Handle } from './handle.ts'
import type { Read } from './read.ts'
import { runStatement } from './run-statement.ts'
import { select } from './select.ts'
import { bookkeeping } from './snapshots.ts'
import { switchView } from './views.ts'

/** The work of a store; what it writes rides along with whatever is committed next. */
export function workStore(read: Read, commit: GroupCommit): WorkStore {
  const write = <T>(run: (handle: Handle) => T) => commit.submit(bookkeeping(0, run))
  return {
    beat: (owner, about) =>
      write((handle) => {
        handle.run(
          `INSERT INTO dacapo_owners (${ownerColumns}) VALUES (?, 1, ?)
           ON CONFLICT (owner) DO UPDATE SET beat = beat + 1, about = excluded.about`,
          owner,
          about,
        )
        return handle.rows(`SELECT ${ownerColumns} FROM dacapo_owners ORDER BY owner`).map(toOwner)
      }),
    leave: (owner) =>
      write((handle) => {
        handle.run('DELETE FROM dacapo_owners WHERE owner = ?', owner)
        handle.run('UPDATE dacapo_parts SET owner = NULL, epoch = epoch + 1 WHERE owner = ?', owner)
      }),

    parts: (subscription) => read((handle) => partsOf(handle, subscription)),
    divide: (subscription, held, parts) =>
      write((handle) => {
        const there = partsOf(handle, subscription)
        const isHeld = (part: SubscriptionPart) => held.some((lease) => lease.part === part.part && lease.epoch === part.epoch)
        if (there.length !== held.length || !there.every(isHeld)) return false
        const epoch = Math.max(0, ...there.map((part) => part.epoch)) + 1
        handle.run('DELETE FROM dacapo_parts WHERE subscription = ?', subscription)
        for (const { part, position, state } of parts)
          handle.run(
            'INSERT INTO dacapo_parts (subscription, part, owner, epoch, position, state) VALUES (?, ?, NULL, ?, ?, ?)',
            subscription,
            part,
            epoch,
            position,
            state,
          )
        return true
      }),
    acquire: (owner, leases) => write((handle) => leases.flatMap((lease) => handOver(handle, lease, owner))),
    release: (leases) =>
      write((handle) => {
        for (const lease of leases) handOver(handle, lease, null)
      }),

    commit: (works) => Promise.all(works.map((work) => commit.submit(toCommit(work)))),

    scan: (question) => read((handle) => scan(handle, question)),

    record: ({ kind, owner, tenant, key }) =>
      read((handle) => {
        const row = handle.first(`SELECT ${recordColumns} FROM dacapo_records ${whereRecord}`, kind, owner, tenant, key)
        return row && toRecord(row)
      }),
    records: (question) => read((handle) => select(handle, recordsStatement('dacapo_records', question)).map(toRecord)),
  }
}

const whereRecord = 'WHERE kind = ? AND owner = ? AND tenant = ? AND key = ?'

function partsOf(handle: Handle, subscription: string | undefined): readonly SubscriptionPart[] {
  return handle
    .rows(
      `SELECT ${partColumns} FROM dacapo_parts WHERE subscription = ifnull(?, subscription) ORDER BY subscription, part`,
      subscription ?? null,
    )
    .map(toPart)
}

function handOver(handle: Handle, { subscription, part, epoch }: Lease, owner: string | null): readonly SubscriptionPart[] {
  return handle
    .rows(
      `UPDATE dacapo_parts SET owner = ?, epoch = epoch + 1 WHERE subscription = ? AND part = ? AND epoch = ? RETURNING ${partColumns}`,
      owner,
      subscription,
      part,
      epoch,
    )
    .map(toPart)
}

/** A piece of work, as something to commit together with others. */
function toCommit(work: Work): CommitWork<WorkResult> {
  const { records = [], rows = [], statements = [] } = work
  return {
    bytes: [...records.map(({ body }) => body), ...rows.map(({ row }) => row)].reduce((sum, text) => sum + (text?.length ?? 0), 0),
    guarded: statements.length > 0,
    run: ({ handle }) => write(handle, work),
    explain(error) {
      if (DacapoError.is(error)) return { kind: 'refused', error }
      throw error
    },
  }
}

/** Refuses before anything is written; only a statement of the user's own can fail after that. */
function write(handle: Handle, { steps = [], records = [], rows = [], switches = [], statements = [] }: Work): WorkResult {
  for (const { subscription, part, epoch } of steps) {
    const held = handle.first('SELECT 1 FROM dacapo_parts WHERE subscription = ? AND part = ? AND epoch = ?', subscription, part, epoch)
    if (!held) return { kind: 'refused', error: new LeaseLostError(subscription, part) }
  }
  for (const record of records) {
    const { expectedRevision: expected } = record
    if (expected !== undefined && revisionOf(handle, record) !== expected)
      return { kind: 'refused', error: new RecordConflictError(record.kind, record.key) }
  }
  for (const { subscription, part, position, state } of steps) {
    if (position === undefined && state === undefined) continue
    handle.run(
      'UPDATE dacapo_parts SET position = ifnull(?, position), state = ifnull(?, state) WHERE subscription = ? AND part = ?',
      position ?? null,
      state ?? null,
      subscription,
      part,
    )
  }
  for (const { kind, owner, tenant, key, slot, status, dueAt, body } of records) {
    if (body === null) handle.run(`DELETE FROM dacapo_records ${whereRecord}`, kind, owner, tenant, key)
    else handle.run(setRecord, kind, owner, tenant, key, slot, status, dueAt, body)
  }
  for (const { tenant, view, key, row, generation = 0 } of rows) handle.run(setRow, tenant, keptUnder(view, generation), key, row)
  for (const one of switches) switchView(handle, one)
  for (const statement of statements) {
    try {
      runStatement(handle, statement)
    } catch (error) {
      if (isFatal(error)) throw error
      throw statementFailure(statement, error)
    }
  }
  return { kind: 'done' }
}

/** In one snapshot: between two statements another process may commit. */
function scan(handle: Handle, question: ScanRows): ScannedRows {
  handle.exec('SAVEPOINT dacapo_scan')
  try {
    const steps = scanRows(dialect, question)
    let next = steps.next()
    while (!next.done) next = steps.next(select(handle, next.value))
    return { rows: next.value, parts: partsOf(handle, question.subscription) }
  } finally {
    handle.exec('RELEASE dacapo_scan')
  }
}

function revisionOf(handle: Handle, { kind, owner, tenant, key }: RecordName): number {
  return Number(handle.first(`SELECT revision FROM dacapo_records ${whereRecord}`, kind, owner, tenant, key)?.[0] ?? 0)
}

const setRecord = `INSERT INTO dacapo_records (${recordColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)
  ON CONFLICT (kind, owner, tenant, key) DO UPDATE SET
    slot = excluded.slot, status = excluded.status, due_at = excluded.due_at, body = excluded.body, revision = revision + 1`

const setRow = `INSERT INTO dacapo_view_rows (tenant, view, key, row_version, row) VALUES (?, ?, ?, 1, ?)
  ON CONFLICT (tenant, view, key) DO UPDATE SET row = excluded.row, row_version = row_version + 1`

/** What SQL stores keep of work: from columns to values, and the question for records. */
import type { SqlStatement } from '../../core/sql.ts'
import type { ListRecords, SubscriptionPart, WorkOwner, WorkRecord } from '../../core/work-store.ts'
import { fragment, join, literal } from './fragment.ts'

export const ownerColumns = 'owner, beat, about'
export const partColumns = 'subscription, part, owner, epoch, position, state'
export const recordColumns = 'kind, owner, tenant, key, slot, status, due_at, body, revision'

export function toOwner([owner, beat, about]: readonly unknown[]): WorkOwner {
  return { owner, beat, about } as WorkOwner
}

export function toPart([subscription, part, owner, epoch, position, state]: readonly unknown[]): SubscriptionPart {
  return { subscription, part, owner, epoch, position, state } as SubscriptionPart
}

export function toRecord([kind, owner, tenant, key, slot, status, dueAt, body, revision]: readonly unknown[]): WorkRecord {
  return { kind, owner, tenant, key, slot, status, dueAt, body, revision } as WorkRecord
}

/** Writes a record that is new; answers with a row if it was. @param table  the table of records, as it is named in a statement. */
export function keepStatement(table: string, record: Omit<WorkRecord, 'revision'>): SqlStatement {
  const { kind, owner, tenant, key, slot, status, dueAt, body } = record
  return fragment`INSERT INTO ${literal(table)} (${literal(recordColumns)})
    VALUES (${kind}, ${owner}, ${tenant}, ${key}, ${slot}, ${status}, ${dueAt}, ${body}, 1)
    ON CONFLICT (kind, owner, tenant, key) DO NOTHING RETURNING revision`
}

/** @param table  the table of records, as it is named in a statement. */
export function recordsStatement(
  table: string,
  { kind, owner, tenant, status, slots, dueTo, after, limit = 100 }: ListRecords,
): SqlStatement {
  const byDueTime = dueTo !== undefined
  const order = literal(byDueTime ? 'due_at, owner, tenant, key' : 'owner, tenant, key')
  const conditions = [
    fragment`kind = ${kind}`,
    ...(owner === undefined ? [] : [fragment`owner = ${owner}`]),
    ...(tenant === undefined ? [] : [fragment`tenant = ${tenant}`]),
    ...(status === undefined ? [] : [fragment`status = ${status}`]),
    ...(slots ? [fragment`slot BETWEEN ${slots.from} AND ${slots.to}`] : []),
    ...(byDueTime ? [fragment`due_at <= ${dueTo}`] : []),
    ...(after && byDueTime
      ? [fragment`(due_at, owner, tenant, key) > (${after.dueAt ?? 0}, ${after.owner}, ${after.tenant}, ${after.key})`]
      : []),
    ...(after && !byDueTime ? [fragment`(owner, tenant, key) > (${after.owner}, ${after.tenant}, ${after.key})`] : []),
  ]
  return fragment`SELECT ${literal(recordColumns)} FROM ${literal(table)} WHERE ${join(conditions, ' AND ')} ORDER BY ${order} LIMIT ${limit}`
}

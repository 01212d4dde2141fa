/**
 * What is being written in one open transaction: what was read or given out so far, so that each stream is read once
 * however many requests concern it.
 */
import type { Clock } from '../../core/clock.ts'
import { correlationIdOf } from '../../core/metadata.ts'
import { type EventToAppend, type StoredEvent, storedAt } from '../../core/stored-event.ts'
import { categoryOf } from '../../core/stream-name.ts'
import { isFatal, TransactionLost } from './driver-errors.ts'
import type { Handle } from './handle.ts'
import { viewEpochOf } from './kept-views.ts'
import { versionOf } from './streams.ts'

/** The writes of one transaction. */
export class Batch {
  readonly handle: Handle
  readonly now: number
  /** Of the newest event; 0 in an empty store. */
  position: number
  recordedAt: number
  #viewEpoch: number | undefined
  /** Of the streams that were read or written so far. */
  readonly #versions = new Map<string, number>()
  /** Event types known to be stored; those that this batch adds are forgotten again when it is undone. */
  readonly #knownTypes: Set<string>
  readonly #newTypes: string[] = []
  #savepoints = 0

  constructor(handle: Handle, clock: Pick<Clock, 'now'>, knownTypes: Set<string> = new Set()) {
    this.handle = handle
    this.now = clock.now()
    this.#knownTypes = knownTypes
    const newest = handle.first('SELECT position, recorded_at FROM dacapo_events ORDER BY position DESC LIMIT 1')
    this.position = Number(newest?.[0] ?? 0)
    this.recordedAt = Number(newest?.[1] ?? 0)
  }

  /** Of the views that appends keep: nobody changes them while this transaction is open. */
  get viewEpoch(): number {
    this.#viewEpoch ??= viewEpochOf(this.handle)
    return this.#viewEpoch
  }

  /** 0: the stream does not exist. */
  version(tenant: string, stream: string): number {
    const key = keyOf(tenant, stream)
    const known = this.#versions.get(key)
    if (known !== undefined) return known
    const version = versionOf(this.handle, tenant, stream)
    this.#versions.set(key, version)
    return version
  }

  /** Inserts events and moves their stream. The first of them whose id is known throws; those before it stay written. */
  insert(tenant: string, stream: string, events: readonly EventToAppend[], recordedAt: number): readonly StoredEvent[] {
    let version = this.version(tenant, stream)
    let position = this.position
    const stored = events.map((event): StoredEvent => {
      version++
      position++
      this.#insertOne(tenant, stream, version, position, event, recordedAt)
      return storedAt(event, { tenant, stream, version, position, recordedAt })
    })
    this.#versions.set(keyOf(tenant, stream), version)
    this.position = position
    this.recordedAt = recordedAt
    return stored
  }

  /** The whole transaction was undone. */
  forget(): void {
    for (const type of this.#newTypes) this.#knownTypes.delete(type)
  }

  /** Does work under a savepoint: when it throws, it is undone, and `recover` answers, unless the transaction itself is in doubt. */
  guard<T>(work: () => T, recover: (error: unknown) => T): T {
    const { position, recordedAt } = this
    const types = this.#newTypes.length
    const name = `dacapo_${++this.#savepoints}`
    this.handle.exec(`SAVEPOINT ${name}`)
    try {
      const result = work()
      this.handle.exec(`RELEASE ${name}`)
      return result
    } catch (error) {
      if (isFatal(error)) throw error
      try {
        this.handle.exec(`ROLLBACK TO ${name}`)
        this.handle.exec(`RELEASE ${name}`)
      } catch {
        throw new TransactionLost('The savepoint is gone.', { cause: error })
      }
      this.#versions.clear()
      for (const type of this.#newTypes.splice(types)) this.#knownTypes.delete(type)
      this.position = position
      this.recordedAt = recordedAt
      return recover(error)
    } finally {
      this.#savepoints--
    }
  }

  #insertOne(tenant: string, stream: string, version: number, position: number, event: EventToAppend, recordedAt: number): void {
    const { id, type, schemaVersion, data, metadata, tags, occurredAt = null } = event
    const tagList = tags.length > 0 ? JSON.stringify(tags) : null
    const correlationId = correlationIdOf(metadata) ?? null
    this.handle.run(
      insertEvent,
      position,
      tenant,
      stream,
      version,
      id,
      type,
      schemaVersion,
      data,
      metadata,
      tagList,
      correlationId,
      recordedAt,
      occurredAt,
    )
    for (const tag of tags)
      this.handle.run('INSERT OR IGNORE INTO dacapo_tags (tenant, tag, position) VALUES (?, ?, ?)', tenant, tag, position)
    this.#learnType(categoryOf(stream), type, schemaVersion)
  }

  #learnType(category: string, type: string, schemaVersion: number): void {
    const known = `${category} ${schemaVersion} ${type}`
    if (this.#knownTypes.has(known)) return
    this.handle.run(
      `INSERT INTO dacapo_event_types (category, type, schema_version) VALUES (?, ?, ?)
       ON CONFLICT (category, type) DO UPDATE SET schema_version = excluded.schema_version WHERE excluded.schema_version > schema_version`,
      category,
      type,
      schemaVersion,
    )
    this.#knownTypes.add(known)
    this.#newTypes.push(known)
  }
}

const insertEvent = `INSERT INTO dacapo_events
  (position, tenant, stream, version, id, type, schema_version, data, metadata, tags, correlation_id, recorded_at, occurred_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

/** A stream name has no control characters, so the first one ends it. */
const keyOf = (tenant: string, stream: string): string => `${stream}\n${tenant}`

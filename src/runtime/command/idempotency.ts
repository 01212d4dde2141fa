/** Outcomes under idempotency keys: what is kept in the append's own commit, and how it becomes an answer again. */
import { assertIdempotencyKey } from '../../core/check-append.ts'
import { ForbiddenError, IdempotencyMismatchError } from '../../core/errors.ts'
import { decodeEvent } from '../../core/event-codec.ts'
import type { EventStore, IdempotencyEntry, RememberedOutcome } from '../../core/event-store.ts'
import { hash53 } from '../../core/fingerprint.ts'
import { fromJson, toJson } from '../../core/json.ts'
import type { RecordedEvent } from '../../core/recorded-event.ts'
import { type Rejection, reject } from '../../core/rejection.ts'
import type { Engine } from '../engine.ts'
import type { Execution, IdempotencyKey, Settled } from './execution.ts'

/** Where outcomes are remembered: the store, or a transaction, which must not be asked around. */
export type Memory = Pick<EventStore, 'readStream' | 'remembered'>

/** What is kept. The events of an accepted command are not: they are read again from their stream. */
type KeptOutcome =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'empty'; readonly version: number }
  | { readonly kind: 'rejected'; readonly command: string; readonly code: string; readonly details: unknown }
  | { readonly kind: 'forbidden'; readonly command: string }
  | { readonly kind: 'returned'; readonly value: unknown }

/** The entry for events: which ones, the store adds itself. */
export function entryForEvents(key: IdempotencyKey): IdempotencyEntry {
  return toEntry(key, { kind: 'accepted' })
}

/** The entry for a command that decided nothing. */
export function entryForNothing(key: IdempotencyKey, version: number): IdempotencyEntry {
  return toEntry(key, { kind: 'empty', version })
}

/** The entry for a "no". @throws SerializationError details that are not JSON. */
export function entryForRejection(key: IdempotencyKey, { code, details }: Rejection, command: string): IdempotencyEntry {
  return toEntry(key, { kind: 'rejected', command, code, details: details === undefined ? null : details })
}

/** The entry for an error: only a refusal by `authorize` is an outcome, anything else may be tried again under its key. */
export function entryForError({ idempotency }: Pick<Execution, 'idempotency'>, error: unknown): IdempotencyEntry | undefined {
  return idempotency && error instanceof ForbiddenError ? toEntry(idempotency, { kind: 'forbidden', command: error.command }) : undefined
}

/** The entry for what a transaction returned. @throws SerializationError a value that is not JSON. */
export function entryForReturn(key: IdempotencyKey, value: unknown): IdempotencyEntry {
  return toEntry(key, { kind: 'returned', value: value === undefined ? null : value })
}

/** The key of a request; two requests are the same when command and input are. @throws ValidationError */
export function toKey(key: string, command: string, input: unknown, expiresAt: number): IdempotencyKey {
  assertIdempotencyKey(key)
  return { key, hash: hash53(`${command}\n${sortedText(input)}`), expiresAt }
}

/**
 * The answer to a request whose key is already there.
 *
 * @throws IdempotencyMismatchError (`ES_IDEMPOTENCY_MISMATCH`) the key belongs to another request.
 */
export async function recall(
  engine: Engine,
  source: Pick<EventStore, 'readStream'>,
  execution: Execution,
  entry: RememberedOutcome,
): Promise<Settled> {
  const kept = recallKept(execution.idempotency as IdempotencyKey, entry)
  engine.tell?.({
    signal: 'idempotency.hit',
    tenant: execution.tenant,
    key: execution.idempotency?.key ?? '',
    command: execution.command.command,
  })
  if (kept.kind === 'forbidden') throw new ForbiddenError(kept.command, true)
  if (kept.kind === 'rejected') return { kind: 'rejected', rejection: toRejection(kept), duplicate: true }
  if (kept.kind === 'empty') return { kind: 'accepted', events: [], version: kept.version, position: 0, duplicate: true }
  const events: RecordedEvent[] = []
  const range = { tenant: execution.tenant, after: entry.firstVersion - 1, to: entry.lastVersion }
  for await (const page of source.readStream(entry.stream, range)) {
    for (const stored of page) events.push(decodeEvent(engine.definitions.eventTypes.get(stored.type), stored))
  }
  return { kind: 'accepted', events, version: entry.lastVersion, position: events.at(-1)?.position ?? 0, duplicate: true }
}

/**
 * What a failure comes to: the remembered outcome if the same request succeeded meanwhile, else the failure itself.
 *
 * A command may well fail *because* its twin succeeded: closing an account that the twin has just closed.
 */
export async function failUnlessRemembered(engine: Engine, source: Memory, execution: Execution, error: unknown): Promise<Settled> {
  const { idempotency, tenant } = execution
  const entry = idempotency && (await source.remembered(tenant, idempotency.key))
  if (!entry) throw error
  return recall(engine, source, execution, entry)
}

/** What was kept, for a request with this key. @throws IdempotencyMismatchError */
export function recallKept({ key, hash }: IdempotencyKey, entry: RememberedOutcome): KeptOutcome {
  if (entry.hash !== hash) throw new IdempotencyMismatchError(key)
  return fromJson(entry.outcome) as KeptOutcome
}

/** A kept rejection as a value again; one without details has none. */
export function toRejection({ code, details }: { readonly code: string; readonly details: unknown }): Rejection {
  return details === null ? reject(code) : reject(code, details)
}

function toEntry({ key, hash, expiresAt }: IdempotencyKey, outcome: KeptOutcome): IdempotencyEntry {
  return { key, hash, expiresAt, outcome: toJson(outcome, `outcome under the idempotency key ${key}`) }
}

/** A text that is equal for equal inputs, whatever the order of their members; inputs need not be JSON. */
function sortedText(value: unknown): string {
  return (
    JSON.stringify(value, (_, member) => {
      if (typeof member === 'bigint') return `${member}n`
      if (member instanceof Map || member instanceof Set) return [member.constructor.name, ...member]
      if (typeof member !== 'object' || member === null || Array.isArray(member)) return member
      return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
    }) ?? ''
  )
}

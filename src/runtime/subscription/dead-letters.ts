/** Dead letters: events that nobody tries again by himself. Look at them, correct them, try them again, or let them go. */
import { toCount } from '../../core/duration.ts'
import { RecordConflictError, UnsupportedError, ValidationError } from '../../core/errors.ts'
import { encodeEvent } from '../../core/event-codec.ts'
import { fromJson } from '../../core/json.ts'
import type { RecordedEvent } from '../../core/recorded-event.ts'
import type { StoredEvent } from '../../core/stored-event.ts'
import type { Engine } from '../engine.ts'
import { isOfRebuild } from '../rebuild/rebuild-job.ts'
import { commitOne } from '../work/commit-one.ts'
import { asEdited, type Failure, type Parked, parkedKind, toParked, toRecord } from './parked.ts'
import { withoutFirst } from './parking.ts'
import type { SubscriptionKind } from './subscription.ts'

/** An event that could not be handled. */
export interface DeadLetter {
  /** For the calls below. */
  readonly id: string
  readonly kind: SubscriptionKind
  /** The handler, projection or process that has failed. */
  readonly handler: string
  readonly tenant: string
  /** Events of this key wait behind it; the key of a handler is the stream. */
  readonly key: string
  /** Of the event as it is stored, also if this build cannot read it. `undefined`: the log has no such event. */
  readonly type: string | undefined
  /** With its data as somebody has corrected it. `undefined` when this build cannot read it. */
  readonly event: RecordedEvent | undefined
  readonly position: number
  readonly error: Failure
  readonly attempts: number
  /** How often somebody has had it tried again. */
  readonly retries: number
  readonly firstFailedAt: Date
  /** How many events wait behind it. */
  readonly waiting: number
}

/** Which dead letters. */
export interface DeadLetterFilter {
  /** The name of a handler, projection or process. */
  readonly handler?: string
  /** Events of this type. */
  readonly type?: string
  /** Default 100. */
  readonly limit?: number
  /** The id of the last one of the page before. */
  readonly after?: string
}

/** The dead letters of one tenant, or, in the default tenant, of all. */
export interface DeadLetters {
  list(filter?: DeadLetterFilter): Promise<readonly DeadLetter[]>
  get(id: string): Promise<DeadLetter | undefined>
  /** Has one tried again, or all that match: as often as its policy says, from the first attempt on. Returns how many. */
  retry(which: string | DeadLetterFilter): Promise<number>
  /** Corrects the data that a handler is given; the stored event stays as it is. Then `retry`. */
  edit(id: string, data: unknown): Promise<void>
  /** Lets an event go: it is not handled, and what waits behind it goes on. */
  discard(id: string): Promise<void>
}

/** How often a letter is read again that was changed in between. */
const mostConflicts = 10

/** @param poke  tells the workers of this process that something has changed. */
export function deadLettersOf(engine: Engine, tenant: string, poke: (subscription: string) => void): DeadLetters {
  const { store, definitions, clock } = engine

  async function lookUp(id: string): Promise<Parked | undefined> {
    const name = fromId(id)
    if (tenant !== '' && name.tenant !== tenant) return undefined
    const record = await store.work.record({ kind: parkedKind, ...name })
    return record?.status === 'dead' ? toParked(record) : undefined
  }

  async function find(id: string): Promise<Parked> {
    const parked = await lookUp(id)
    if (!parked) throw new RecordConflictError('dead letter', id)
    return parked
  }

  /** @throws RecordConflictError it is no dead letter any more, or is changed all the time. */
  async function change(id: string, toNext: (known: Parked) => Parked | undefined): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const known = await find(id)
      try {
        await commitOne(store.work, { records: [toRecord(known, toNext(known))] })
        return poke(known.subscription)
      } catch (error) {
        // Events that come meanwhile are parked behind it, which changes it, too.
        if (attempt === mostConflicts || !(error instanceof RecordConflictError)) throw error
      }
    }
  }

  async function toLetter(parked: Parked): Promise<DeadLetter> {
    const { subscription, key, positions, failure, attempts, firstFailedAt, retries = 0 } = parked
    const [kind, handler] = subscription.split(':') as [SubscriptionKind, string]
    const position = positions[0] as number
    const stored = await storedAt(position)
    return {
      id: toId(parked),
      kind,
      handler,
      tenant: parked.tenant,
      key,
      type: stored?.type,
      event: stored && readable(stored, parked.edited),
      position,
      error: failure,
      attempts,
      retries,
      firstFailedAt: new Date(firstFailedAt),
      waiting: positions.length - 1,
    }
  }

  async function storedAt(position: number): Promise<StoredEvent | undefined> {
    for await (const { events } of store.readAll({ after: position - 1, to: position })) return events[0]
    return undefined
  }

  function readable(stored: StoredEvent, edited: unknown): RecordedEvent | undefined {
    try {
      return asEdited(definitions.eventTypes, stored, edited)
    } catch {
      return undefined // which is why it is here: its error says what cannot be read
    }
  }

  async function list({ handler, type, limit = 100, after }: DeadLetterFilter = {}): Promise<readonly DeadLetter[]> {
    const found: DeadLetter[] = []
    const most = toCount(limit, 'limit')
    let from = after === undefined ? undefined : { ...fromId(after), dueAt: null }
    for (;;) {
      const scope = tenant === '' ? {} : { tenant }
      const records = await store.work.records({ kind: parkedKind, status: 'dead', limit: 100, ...scope, ...(from && { after: from }) })
      for (const record of records) {
        // Those of a rebuild become the projection's own when the view is switched.
        if (isOfRebuild(record.owner) || (handler !== undefined && nameOf(record.owner) !== handler)) continue
        const letter = await toLetter(toParked(record))
        if (type !== undefined && letter.type !== type) continue
        found.push(letter)
        if (found.length === most) return found
      }
      const last = records.at(-1)
      if (!last || records.length < 100) return found
      from = { owner: last.owner, tenant: last.tenant, key: last.key, dueAt: null }
    }
  }

  async function retryOne(id: string): Promise<void> {
    await change(id, (known) => ({ ...known, status: 'retrying', attempts: 0, dueAt: clock.now(), retries: (known.retries ?? 0) + 1 }))
  }

  return {
    list,
    async get(id) {
      const parked = await lookUp(id)
      return parked && toLetter(parked)
    },
    async retry(which) {
      if (typeof which === 'string') {
        await retryOne(which)
        return 1
      }
      let count = 0
      // Each of them once: by the time that the next page is read, some may have failed again.
      for (let page = await list(which); page.length > 0; page = await list({ ...which, after: page.at(-1)!.id })) {
        for (const { id } of page) await retryOne(id)
        count += page.length
        if (which.limit !== undefined) break
      }
      return count
    },
    async edit(id, data) {
      const known = await find(id)
      if (!known.subscription.startsWith('handler:')) {
        throw new UnsupportedError(
          `${nameOf(known.subscription)} folds events as they are stored: only the letters of handlers can be edited.`,
        )
      }
      const stored = await storedAt(known.positions[0] as number)
      const event = stored && readable(stored, undefined)
      const type = event && definitions.eventTypes.get(event.type)
      if (!type) throw new UnsupportedError('This build cannot read the event, so its data cannot be checked: deploy one that can.')
      const made = type(data as never) // checks it
      const edited = fromJson(encodeEvent(type, made, event.id, '{}').data)
      await change(id, (now) => {
        if (now.positions[0] !== known.positions[0]) throw new RecordConflictError('dead letter', id)
        return { ...now, edited }
      })
    },
    async discard(id) {
      const { positions } = await find(id)
      await change(id, (known) => {
        if (known.positions[0] !== positions[0]) throw new RecordConflictError('dead letter', id)
        return withoutFirst(known, clock.now())
      })
    },
  }
}

const nameOf = (subscription: string): string => subscription.slice(subscription.indexOf(':') + 1)

export const toId = ({ subscription, tenant, key }: Pick<Parked, 'subscription' | 'tenant' | 'key'>): string =>
  [subscription, tenant, key].map(encodeURIComponent).join('/')

function fromId(id: string): { readonly owner: string; readonly tenant: string; readonly key: string } {
  const parts = String(id).split('/')
  if (parts.length !== 3)
    throw new ValidationError('the id of a dead letter', [`take it from deadLetters.list(), it is not ${JSON.stringify(id)}`])
  const [owner, tenant, key] = parts.map(decodeURIComponent) as [string, string, string]
  return { owner, tenant, key }
}

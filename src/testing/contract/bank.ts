/** The words of the cases: events of a bank, and the shortest way to append and to read them. */
import type {
  AppendRequest,
  AppendResult,
  EventStore,
  ReadAllOptions,
  ReadStreamOptions,
  StoreTransaction,
} from '../../core/event-store.ts'
import type { EventToAppend, LogPage, StoredEvent } from '../../core/stored-event.ts'
import { ContractViolation } from './expect.ts'

let made = 0

/** A UUID that was not given before. */
export function newId(): string {
  made++
  return `01900000-0000-7000-8000-${made.toString(16).padStart(12, '0')}`
}

/** An event with an id of its own; data and metadata are JSON by now. */
export function event(type: string, data: unknown = {}, more: Partial<EventToAppend> = {}): EventToAppend {
  return { id: newId(), type, schemaVersion: 1, data: JSON.stringify(data), metadata: '{}', tags: [], ...more }
}

/** `count` deposits of 1, 2, 3, … */
export function deposits(count: number, more: Partial<EventToAppend> = {}): readonly EventToAppend[] {
  return Array.from({ length: count }, (_, i) => event('MoneyDeposited', { amount: i + 1 }, more))
}

/** A request that expects nothing, unless `more` says so. */
export function to(stream: string, events: readonly EventToAppend[], more: Partial<AppendRequest> = {}): AppendRequest {
  return { stream, expectedVersion: 'any', events, ...more }
}

/** Appends one request. */
export async function append(store: EventStore, request: AppendRequest): Promise<AppendResult> {
  const [result] = await store.append([request])
  return result!
}

/** All events of a stream that a read delivers. */
export async function streamOf(
  store: EventStore | StoreTransaction,
  stream: string,
  options?: ReadStreamOptions,
): Promise<readonly StoredEvent[]> {
  const events: StoredEvent[] = []
  let pages = 0
  for await (const page of store.readStream(stream, options)) {
    events.push(...page)
    assertEnds(++pages)
  }
  return events
}

/** Everything that one read of the log delivers; `position` is that of its last page, `after` when there was no page. */
export async function logOf(
  store: Pick<EventStore, 'readAll'>,
  options: ReadAllOptions = {},
): Promise<{ readonly events: readonly StoredEvent[]; readonly position: number; readonly pages: readonly LogPage[] }> {
  const pages: LogPage[] = []
  for await (const page of store.readAll(options)) assertEnds(pages.push(page))
  return { events: pages.flatMap((page) => page.events), position: pages.at(-1)?.position ?? options.after ?? 0, pages }
}

/** A read that turns in a circle fails instead of filling the memory. */
function assertEnds(pages: number): void {
  if (pages > 100_000) throw new ContractViolation('A read has given 100,000 pages and no end.')
}

export const ids = (events: readonly EventToAppend[]): readonly string[] => events.map(({ id }) => id)
export const versions = (events: readonly StoredEvent[]): readonly number[] => events.map(({ version }) => version)
export const positions = (events: readonly StoredEvent[]): readonly number[] => events.map(({ position }) => position)

/** `[from, …, to]`. */
export function range(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i)
}

/** Whether each is above the one before it. */
export function rising(values: readonly number[]): boolean {
  return values.every((value, i) => i === 0 || value > values[i - 1]!)
}

/** Resolves when everything else that can go on has had a turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}

/** A promise with its resolver, to let one part of a case wait for another. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

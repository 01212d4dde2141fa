/** How scenarios compare, and what they say when something came out otherwise. */
import type { DomainEvent } from '../core/event.ts'

/** A scenario came out otherwise; the message shows both sides. */
export class ScenarioFailedError extends Error {
  override readonly name = 'ScenarioFailedError'
}

/** Events, or anything else with a type and data, in one line. */
export function textOfEvents(events: readonly DomainEvent[]): string {
  return events.length === 0 ? 'none' : events.map(({ type, data }) => textOf(type, data)).join(', ')
}

/** With sorted members, as JSON keeps them: the order in which they were written does not make two events differ. */
export function textOf(name: string, value: unknown): string {
  const text = JSON.stringify(value, (_, member) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )
  return text === undefined ? name : `${name} ${text}`
}

/** @throws ScenarioFailedError */
export function fail(subject: string, expected: string, actual: string): never {
  throw new ScenarioFailedError(`${subject}: expected ${expected}\n${' '.repeat(subject.length)}       but got ${actual}`)
}

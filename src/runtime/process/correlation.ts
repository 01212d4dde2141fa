/** Which instance of a process manager an event belongs to, as its `correlate` says. */
import { DefinitionError } from '../../core/errors.ts'
import type { AnyProcessManager } from '../../core/process-manager.ts'
import type { RecordedEvent } from '../../core/recorded-event.ts'

/** The answer of `correlate` in one form; at most one of the three is said. */
export interface Correlation {
  readonly id: string
  readonly start?: boolean
  readonly continue?: boolean
  readonly stop?: boolean
}

/** @throws DefinitionError (`ES_DEFINITION`) an answer that is none. */
export function correlation(process: AnyProcessManager, event: RecordedEvent): Correlation | undefined {
  const answer = process.correlate(event) as unknown
  if (answer === undefined) return undefined
  if (typeof answer === 'string') return { id: answer }
  for (const how of ['start', 'continue', 'stop'] as const) {
    const id = (answer as Record<string, unknown> | null)?.[how]
    if (typeof id === 'string') return { id, [how]: true }
  }
  throw new DefinitionError(
    `correlate of process manager ${process.name} must return an id, { start, continue or stop: id }, or undefined.`,
  )
}

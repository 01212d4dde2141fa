/** The trace of an instance: it goes on from what it has reacted to, and what it sends goes on from there, also in another process. */
import type { RecordedEvent } from '../../core/recorded-event.ts'
import type { Tracing } from '../engine.ts'
import type { Instance } from './instance.ts'

/** Of which instance, and what it reacts to. */
interface Reaction {
  readonly process: string
  readonly tenant: string
  readonly instance: string
  readonly to: { readonly event: RecordedEvent } | { readonly timer: string } | { readonly rejection: string }
}

/** Reacts in the trace of what it reacts to. What comes of it remembers where it was. */
export function reacting<R extends { readonly instance: Instance } | undefined>(
  tracing: Tracing | undefined,
  about: Reaction,
  before: Instance | undefined,
  react: () => R,
): R {
  if (!tracing) return react()
  const from = 'event' in about.to ? {} : { from: before?.cause.trace }
  return tracing.around({ kind: 'react', ...about, ...from }, () => {
    const reacted = react()
    const trace = tracing.carrier()
    if (!reacted || Object.keys(trace).length === 0) return reacted
    return { ...reacted, instance: { ...reacted.instance, cause: { ...reacted.instance.cause, trace } } }
  })
}

/** What is told of the work on a part, and how it is traced. Handlers and processes tell most of it themselves, one event at a time. */
import type { Engine } from '../engine.ts'
import type { Delivery, Subscription } from './subscription.ts'

/** Tells of the work on one part. */
export interface Told {
  /** Stands around what a projection does with these. */
  around<T>(deliveries: readonly Delivery[], run: () => Promise<T>): Promise<T>
  /** These were done, and the step was made. */
  step(done: readonly Delivery[], to: number, startedAt: number): void
  folded(delivery: Delivery): void
  failed(delivery: Delivery, failure: unknown): void
}

export function makeTold(
  { tell, tracing, clock }: Pick<Engine, 'tell' | 'tracing' | 'clock'>,
  { kind, name }: Subscription,
  part: string,
): Told {
  const isProjection = kind === 'projection'
  return {
    around(deliveries, run) {
      if (!tracing || !isProjection) return run()
      const events = [...new Set(deliveries.filter(({ unreadable }) => !unreadable).map(({ event }) => event))]
      return tracing.around({ kind: 'project', projection: name, part, events }, run)
    },
    step(done, to, startedAt) {
      if (!tell) return
      const told = { part, events: new Set(done.map(({ event }) => event)).size, position: to, durationMs: clock.now() - startedAt }
      tell({ signal: 'subscription.events', kind, name, ...told })
      if (isProjection) tell({ signal: 'projection.checkpoint', projection: name, ...told })
    },
    folded({ event: { tenant, type, position }, key }) {
      if (tell && isProjection) tell({ signal: 'projection.event', projection: name, part, tenant, key, type, position })
    },
    failed({ event: { tenant, position }, key, attempt }, error) {
      if (tell && isProjection) tell({ signal: 'projection.exception', projection: name, part, tenant, key, position, attempt, error })
    },
  }
}

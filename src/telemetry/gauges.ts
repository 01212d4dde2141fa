/** Levels of all watched apps of this process: how much is warm, and how far behind the log each subscription is. */
import type { BatchObservableResult, Meter } from '@opentelemetry/api'
import type { Levels, Telemetry } from '../core/telemetry.ts'

/** @param failed  told when the levels of an app cannot be read, e.g. because its store cannot be reached. */
export function makeGauges(meter: Meter, failed: (error: unknown) => void): NonNullable<Telemetry['watch']> {
  const gauge = (name: string, unit: string, description: string) => meter.createObservableGauge(`dacapo.${name}`, { unit, description })
  const states = gauge('aggregates', '{aggregate}', 'Aggregates whose state is kept, warm or hibernated.')
  const warmRows = gauge('views.warm_rows', '{row}', 'Rows of transactional projections that are kept.')
  const lag = gauge('subscription.lag', '{event}', 'Positions between a subscription and the end of the log.')
  const lagTime = gauge('subscription.lag.time', 's', 'Age of the oldest event that a subscription has not looked at.')
  const parked = gauge('subscription.parked', '{key}', 'Keys with an event that is to be tried again, or is a dead letter.')
  const all = [states, warmRows, lag, lagTime, parked]
  const readers = new Set<() => Promise<Levels>>()

  async function collect(result: BatchObservableResult): Promise<void> {
    const levels: Levels[] = []
    for (const end of await Promise.allSettled([...readers].map((read) => read()))) {
      if (end.status === 'fulfilled') levels.push(end.value)
      else failed(end.reason)
    }
    if (levels.length === 0) return
    const sum = (of: (level: Levels) => number) => levels.reduce((total, level) => total + of(level), 0)
    result.observe(
      states,
      sum(({ aggregates }) => aggregates.warm),
      { 'dacapo.aggregate.state': 'warm' },
    )
    result.observe(
      states,
      sum(({ aggregates }) => aggregates.hibernated),
      { 'dacapo.aggregate.state': 'hibernated' },
    )
    result.observe(
      warmRows,
      sum((level) => level.warmRows),
    )
    for (const { kind, name, lag: behind, parked: waiting } of levels.flatMap(({ subscriptions }) => subscriptions)) {
      const attributes = { 'dacapo.subscription.kind': kind, 'dacapo.subscription.name': name }
      result.observe(lag, behind.events, attributes)
      result.observe(lagTime, behind.ms / 1000, attributes)
      result.observe(parked, waiting.retrying, { ...attributes, 'dacapo.parked': 'retrying' })
      result.observe(parked, waiting.dead, { ...attributes, 'dacapo.parked': 'dead' })
    }
  }

  return (read) => {
    if (readers.size === 0) meter.addBatchObservableCallback(collect, all)
    readers.add(read)
    return () => {
      readers.delete(read)
      if (readers.size === 0) meter.removeBatchObservableCallback(collect, all)
    }
  }
}

/** Metrics: durations of work, counts of signals, and levels, which are read when somebody collects them. */
import { type Attributes, type Counter, diag, type Histogram, type Meter, trace } from '@opentelemetry/api'
import type { Observer, Signal, SignalName } from '../core/observer.ts'
import type { Telemetry } from '../core/telemetry.ts'
import type { Measure } from './describe-work.ts'
import { makeGauges } from './gauges.ts'
import { recordError } from './record-error.ts'

/** Where everything is measured. */
export interface Measurements {
  /** @param seconds  how long it took. @param outcome  what it came to, as its span says. */
  took(measure: Measure, seconds: number, outcome: Attributes): void
  readonly observer: Observer
  readonly watch: NonNullable<Telemetry['watch']>
}

/** Of what a duration's outcome says, only what has few values. */
const told = ['dacapo.outcome', 'error.type']

/** In seconds; those that the conventions for databases and messaging advise. */
const explicitBucketBoundaries = [0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

export function makeMeasurements(meter: Meter): Measurements {
  const duration = (name: string, description: string): Histogram =>
    meter.createHistogram(name, { unit: 's', description, advice: { explicitBucketBoundaries } })
  const durations: Readonly<Record<Measure['of'], Histogram>> = {
    command: duration('dacapo.command.duration', 'From the call of a command to its outcome.'),
    database: duration('db.client.operation.duration', 'Loads and appends.'),
    messaging: duration('messaging.process.duration', 'What handlers, projections and process managers make of events.'),
  }
  const events = meter.createCounter('dacapo.events.appended', { unit: '{event}', description: 'Events of accepted commands.' })
  const counters = countersOf(meter)
  return {
    took({ of, attributes }, seconds, outcome) {
      const few = told.flatMap((name) => (outcome[name] === undefined ? [] : [[name, outcome[name]]]))
      durations[of].record(seconds, { ...attributes, ...Object.fromEntries(few) })
    },
    observer(signal) {
      if (signal.signal === 'dispatch.stop') {
        if (signal.events > 0 && !signal.duplicate) events.add(signal.events, { 'dacapo.command': signal.command })
        return
      }
      // It is told while the batch is folded, in the context of its span.
      const span = signal.signal === 'projection.exception' ? trace.getActiveSpan() : undefined
      if (span && 'error' in signal) recordError(span, signal.error)
      counters.get(signal.signal)?.add(1, attributesOf(signal))
    },
    watch: makeGauges(meter, (trouble) => diag.warn('dacapo: levels could not be read', trouble)),
  }
}

/** A counter for each signal that somebody may want to be woken by. */
function countersOf(meter: Meter): ReadonlyMap<SignalName, Counter> {
  const counter = (signal: SignalName, name: string, unit: string, description: string) =>
    [signal, meter.createCounter(`dacapo.${name}`, { unit, description })] as const
  return new Map([
    counter('aggregate.conflict', 'command.conflicts', '{conflict}', 'Commands that have to be decided again, or fail.'),
    counter('handler.retry', 'subscription.retries', '{retry}', 'Events that have failed and are tried again.'),
    counter('handler.dead-letter', 'subscription.dead_letters', '{event}', 'Events that have become dead letters.'),
    counter('handler.skip', 'subscription.skipped', '{event}', 'Events that have failed and were passed by.'),
    counter('subscription.restart', 'subscription.restarts', '{restart}', 'Interruptions of the work on a part.'),
    counter('subscription.failed', 'subscription.failures', '{failure}', 'Parts whose work has ended.'),
    counter('lease.lost', 'subscription.leases_lost', '{lease}', 'Parts that another process has taken over.'),
    counter('process.stuck', 'process.stuck', '{instance}', 'Instances that wait for somebody to do something.'),
    counter('snapshot.mismatch', 'snapshot.mismatches', '{snapshot}', 'Snapshots that differed from a full fold.'),
  ])
}

/** By what a count is divided: names of definitions, and codes. */
function attributesOf(signal: Signal): Attributes {
  return {
    ...('command' in signal ? { 'dacapo.command': signal.command } : {}),
    ...('code' in signal && signal.code !== undefined ? { 'error.type': signal.code } : {}),
    ...('part' in signal && 'kind' in signal ? { 'dacapo.subscription.kind': signal.kind, 'dacapo.subscription.name': signal.name } : {}),
    ...('process' in signal ? { 'dacapo.process': signal.process } : {}),
  }
}

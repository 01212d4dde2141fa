/** OpenTelemetry: spans around all work, trace contexts in the metadata of events, and metrics. */
import {
  type Meter,
  type MeterProvider,
  metrics,
  type TextMapPropagator,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import { assertOptions } from '../core/options.ts'
import type { Telemetry } from '../core/telemetry.ts'
import { makeMeasurements } from './measurements.ts'
import { makeSpans } from './spans.ts'
import { carriersOf } from './trace-context.ts'

/** Where spans and measurements go. */
export interface OpenTelemetryOptions {
  /** Default: from `tracerProvider`. */
  readonly tracer?: Tracer
  /** Default: the global one. */
  readonly tracerProvider?: TracerProvider
  /** Default: from `meterProvider`. */
  readonly meter?: Meter
  /** Default: the global one, as it is now: start the SDK before this. */
  readonly meterProvider?: MeterProvider
  /** What events carry of a trace. Default: the W3C's `traceparent` and `tracestate`, and no baggage. */
  readonly propagator?: TextMapPropagator
}

const known = [
  'tracer',
  'tracerProvider',
  'meter',
  'meterProvider',
  'propagator',
] as const satisfies readonly (keyof OpenTelemetryOptions)[]

/**
 * A telemetry for `createApp({ telemetry })`, also for several apps of one process.
 *
 * A command is a span in the caller's trace; its events carry the context on, so that whatever follows the log, in whichever process,
 * and the commands that it sends belong to the same trace. Names of spans and attributes of metrics have few values.
 *
 * @throws DefinitionError (`ES_DEFINITION`) an unknown option.
 * @example
 * const app = createApp({ store, commands, telemetry: openTelemetry() })
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Telemetry {
  assertOptions('openTelemetry', options, known)
  const { tracer = (options.tracerProvider ?? trace).getTracer('dacapo'), propagator } = options
  const { meter = (options.meterProvider ?? metrics).getMeter('dacapo') } = options
  const measurements = makeMeasurements(meter)
  return { ...makeSpans(tracer, carriersOf(propagator), measurements), observer: measurements.observer, watch: measurements.watch }
}

/** The real SDK in memory: what a telemetry has recorded, to look at. */
import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { type OpenTelemetryOptions, openTelemetry } from '../../src/telemetry/index.ts'

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())

/** A telemetry, and what it has recorded. */
export function recorded(options: Omit<OpenTelemetryOptions, 'tracerProvider' | 'meterProvider'> = {}) {
  const exporter = new InMemorySpanExporter()
  let open = 0
  const counting: SpanProcessor = {
    onStart: () => void open++,
    onEnd: () => void open--,
    forceFlush: async () => {},
    shutdown: async () => {},
  }
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [counting, new SimpleSpanProcessor(exporter)] })
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
    exportTimeoutMillis: 60_000,
  })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const spans = (name?: string): readonly ReadableSpan[] =>
    exporter.getFinishedSpans().filter((span) => name === undefined || span.name === name)
  return {
    telemetry: openTelemetry({ tracerProvider, meterProvider, ...options }),
    tracer: tracerProvider.getTracer('test'),
    /** Those that have ended, in that order; of one name. */
    spans,
    /** The only one of its name. */
    span(name: string): ReadableSpan {
      const [found, ...more] = spans(name)
      if (!found || more.length > 0)
        throw new Error(`${more.length + (found ? 1 : 0)} spans are called ${name}: ${spans().map((one) => one.name)}`)
      return found
    },
    /** How many have begun and not ended. */
    get open() {
      return open
    },
    /** The values of a metric by their attributes, as JSON; of a histogram, how many there were. */
    async metric(name: string): Promise<Readonly<Record<string, number>>> {
      metricExporter.reset()
      await reader.forceFlush()
      const found = metricExporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
        .find(({ descriptor }) => descriptor.name === name)
      const points = (found?.dataPoints ?? []) as readonly DataPoint<number | Histogram>[]
      return Object.fromEntries(
        points.map(({ attributes, value }) => [JSON.stringify(attributes), typeof value === 'number' ? value : value.count]),
      )
    },
    /** The names of all metrics that have a value. */
    async metrics(): Promise<readonly string[]> {
      metricExporter.reset()
      await reader.forceFlush()
      return metricExporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics.map((one) => one.descriptor.name)))
    },
    end: () => meterProvider.shutdown(),
  }
}

export type Recorded = ReturnType<typeof recorded>

/** The spans of one trace as a tree: `name > name` for each, by their parents, siblings in the order of their beginnings. */
export function treeOf(spans: readonly ReadableSpan[], root: ReadableSpan): readonly string[] {
  const children = spans
    .filter(({ parentSpanContext }) => parentSpanContext?.spanId === root.spanContext().spanId)
    .toSorted((left, right) => left.startTime[0] - right.startTime[0] || left.startTime[1] - right.startTime[1])
  return [root.name, ...children.flatMap((child) => treeOf(spans, child).map((line) => `  ${line}`))]
}

/**
 * Between a span's context and what events carry of it: `traceparent` and `tracestate` of the W3C, or what a propagator makes of it.
 *
 * Not the global propagator by default: that also carries baggage, which may be anything, and events are kept for ever.
 */
import {
  type Context,
  createTraceState,
  isSpanContextValid,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  type TextMapPropagator,
  TraceFlags,
  trace,
} from '@opentelemetry/api'

/** Between contexts and carriers. */
export interface Carriers {
  /** What an event takes along. */
  write(context: Context): Readonly<Record<string, string>>
  /** The context that is told of in metadata, and nothing of any other: the root context if there is none. */
  read(metadata: object | undefined): Context
}

/** A format of 1.0, or of a later version that begins like it. */
const traceparent = /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-.*)?$/

/** The carriers of the W3C, or those of a propagator. */
export function carriersOf(propagator: TextMapPropagator | undefined): Carriers {
  if (!propagator) return { write: (context) => toTexts(trace.getSpanContext(context)), read: (metadata) => around(fromTexts(metadata)) }
  return {
    write(context) {
      const carrier: Record<string, string> = {}
      propagator.inject(context, carrier, {
        set: (to: typeof carrier, name, value) => {
          to[name] = value
        },
      })
      return carrier
    },
    read: (metadata) =>
      propagator.extract(ROOT_CONTEXT, metadata ?? {}, { get: (from, name) => textIn(from, name), keys: (from) => Object.keys(from) }),
  }
}

/** Links to the contexts that several events tell of, each once. */
export function linksTo(contexts: readonly Context[]): Link[] {
  const links = new Map<string, Link>()
  for (const one of contexts) {
    const context = trace.getSpanContext(one)
    if (context) links.set(`${context.traceId}-${context.spanId}`, { context })
  }
  return [...links.values()]
}

function toTexts(context: SpanContext | undefined): Readonly<Record<string, string>> {
  if (!context || !isSpanContextValid(context)) return {}
  const { traceId, spanId, traceFlags, traceState } = context
  const tracestate = traceState?.serialize()
  const flags = (traceFlags & 0xff).toString(16).padStart(2, '0')
  return { traceparent: `00-${traceId}-${spanId}-${flags}`, ...(tracestate ? { tracestate } : {}) }
}

function fromTexts(metadata: object | undefined): SpanContext | undefined {
  const [, traceId, spanId, flags] = traceparent.exec(textIn(metadata, 'traceparent') ?? '') ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED
  const state = textIn(metadata, 'tracestate')
  const context = { traceId, spanId, traceFlags, isRemote: true, ...(state === undefined ? {} : { traceState: createTraceState(state) }) }
  return isSpanContextValid(context) ? context : undefined
}

const around = (context: SpanContext | undefined): Context => (context ? trace.setSpanContext(ROOT_CONTEXT, context) : ROOT_CONTEXT)

function textIn(from: object | undefined, name: string): string | undefined {
  const value = (from as Readonly<Record<string, unknown>> | undefined)?.[name]
  return typeof value === 'string' ? value : undefined
}

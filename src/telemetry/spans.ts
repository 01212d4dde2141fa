/** Work in spans: begun before it, active while it runs, ended with what it came to. */
import { type Attributes, type Context, context, diag, type Link, ROOT_CONTEXT, type Tracer, trace } from '@opentelemetry/api'
import type { Telemetry, TracedWork } from '../core/telemetry.ts'
import { describeOutcome, describeWork } from './describe-work.ts'
import type { Measurements } from './measurements.ts'
import { errorTypeOf, recordError } from './record-error.ts'
import { type Carriers, linksTo } from './trace-context.ts'

/** Spans have at most so many links unless they are told otherwise; more would be made in vain. */
const mostLinks = 128

/** Where a span belongs. */
interface Origin {
  readonly parent: Context
  readonly links: readonly Link[]
}

export function makeSpans(tracer: Tracer, carriers: Carriers, measurements: Measurements): Pick<Telemetry, 'around' | 'carrier' | 'here'> {
  return {
    around(work, run) {
      const { parent, links } = originOf(work, carriers)
      const { name, kind, attributes, measure } = describeWork(work)
      const span = tracer.startSpan(name, { kind, attributes, links: [...links] }, parent)
      const startedAt = performance.now()
      /** Whatever goes wrong here, the span ends, and nobody who waits for the work hears of it. */
      const end = (outcomeOf: () => Attributes) => {
        try {
          const outcome = outcomeOf()
          span.setAttributes(outcome)
          if (measure) measurements.took(measure, (performance.now() - startedAt) / 1000, outcome)
        } catch (trouble) {
          complain(trouble)
        }
        try {
          span.end()
        } catch (trouble) {
          complain(trouble)
        }
      }
      const succeed = (result: unknown) => end(() => describeOutcome(work, result))
      const fail = (error: unknown) =>
        end(() => {
          recordError(span, error)
          return errorTypeOf(error)
        })
      let result: unknown
      try {
        result = context.with(trace.setSpan(parent, span), run)
      } catch (error) {
        fail(error)
        throw error
      }
      if (isPromise(result)) result.then(succeed, fail)
      else succeed(result)
    },
    carrier: () => carriers.write(context.active()),
    here: () => context.active(),
  }
}

/** There is nobody to throw it to: this may come after the work. */
function complain(trouble: unknown): void {
  diag.error('dacapo: what work came to could not be recorded', trouble)
}

/**
 * What follows the log does not belong to whoever has started the app, but to whoever has caused the event. Work on several events at
 * once belongs to their common cause, if they have one, and is linked to all causes otherwise.
 */
function originOf(work: TracedWork, carriers: Carriers): Origin {
  switch (work.kind) {
    case 'command':
    case 'transaction':
    case 'load':
    case 'query':
      return { parent: context.active(), links: [] }
    case 'append':
      return { parent: context.active(), links: linksTo(work.beside.slice(0, mostLinks) as readonly Context[]) }
    case 'handle':
      return causedBy(carriers.read(work.event.metadata))
    case 'react':
      return 'event' in work.to ? causedBy(carriers.read(work.to.event.metadata)) : { parent: carriers.read(work.from), links: [] }
    case 'send':
      return { parent: carriers.read(work.from), links: [] }
    case 'handle-batch':
    case 'project': {
      const causes = work.events.map(({ metadata }) => carriers.read(metadata))
      const links = linksTo(causes)
      const [first] = causes
      if (first && links.length === 1 && causes.every((cause) => trace.getSpanContext(cause))) return { parent: first, links }
      return { parent: ROOT_CONTEXT, links: links.slice(0, mostLinks) }
    }
  }
}

/** A consumer's span links to where its message was made, says the convention, also when that is its parent. */
const causedBy = (cause: Context): Origin => ({ parent: cause, links: linksTo([cause]) })

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'
}

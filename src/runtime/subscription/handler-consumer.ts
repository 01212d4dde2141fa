/** Event handlers: a side effect per event, or for many events together, in order per stream. */
import type { AnyEventHandler, BatchContext, HandlerContext } from '../../core/event-handler.ts'
import type { RecordedEvent } from '../../core/recorded-event.ts'
import type { TracedWork } from '../../core/telemetry.ts'
import type { Engine } from '../engine.ts'
import type { Batch, Consumer, ConsumerContext, Delivery } from './subscription.ts'

/** What a handler is given beside the event, its state and the attempt. */
export type CallsFor = (event: RecordedEvent) => Pick<HandlerContext, 'execute'>

/**
 * A consumer for one part of a handler. What `init` has made lives as long as the work goes on without an interruption; one that fails is
 * no failure of any event.
 */
export function handlerConsumer(
  handler: AnyEventHandler,
  callsFor: CallsFor,
  { part, stopping: signal }: Pick<ConsumerContext, 'part' | 'stopping'>,
  engine: Watching,
): Consumer {
  const isWatched = engine.tell !== undefined || engine.tracing !== undefined
  let made: { readonly state: unknown } | undefined

  async function init(): Promise<unknown> {
    made ??= { state: await handler.init?.({ part, signal }) }
    return made.state
  }

  function alone(state: unknown): Batch {
    return {
      handle({ event, attempt }) {
        const run = () => handler.handle?.(event, { state, attempt, signal, ...callsFor(event) })
        // Handed through, and not awaited once more: it is done for each event.
        if (!isWatched) return run() as Promise<void> | void
        return watched(engine, { kind: 'handle', handler: handler.name, event, attempt }, [event], run) as Promise<void> | void
      },
      gathered: () => ({}),
    }
  }

  function together(state: unknown): Batch {
    const deliveries: Delivery[] = []
    const execute: BatchContext['execute'] = (call, { because, ...options }) => callsFor(because).execute(call, options)
    return {
      isFull: () => deliveries.length >= (handler.maxBatch ?? usualBatch),
      handle(delivery) {
        deliveries.push(delivery)
      },
      async finish() {
        const [first] = deliveries
        if (!first) return undefined
        const { attempt } = first
        const events = deliveries.map(({ event }) => event)
        try {
          const run = () => handler.handleBatch?.(events, { state, attempt, signal, execute })
          await watched(engine, { kind: 'handle-batch', handler: handler.name, events, attempt }, events, run)
          return undefined
        } catch (error) {
          return { error }
        }
      },
      gathered: () => ({}),
    }
  }

  return {
    mayRepeat: true,
    keysOf: ({ stream }) => [stream],
    async resume() {
      await init()
    },
    begin: async () => (handler.handleBatch ? together : alone)(await init()),
    forget() {
      made = undefined
    },
  }
}

/** How many events a batch has at most, unless the handler says otherwise. */
const usualBatch = 100

type Watching = Pick<Engine, 'tell' | 'tracing' | 'clock'>

/** Tells of each event when the call with it begins, and how it ends. */
function watched(
  { tell, tracing, clock }: Watching,
  work: Extract<TracedWork, { readonly handler: string }>,
  events: readonly RecordedEvent[],
  run: () => unknown,
): unknown {
  const told = tell ? () => tellAround(tell, clock, work, events, run) : run
  return tracing ? tracing.around(work, async () => told()) : told()
}

async function tellAround(
  tell: NonNullable<Engine['tell']>,
  clock: Engine['clock'],
  { handler, attempt }: { readonly handler: string; readonly attempt: number },
  events: readonly RecordedEvent[],
  run: () => unknown,
): Promise<void> {
  const handlings = events.map(({ tenant, type, stream, position }) => {
    return { tenant, handler, type, stream, position, attempt, batch: events.length }
  })
  const startedAt = clock.now()
  for (const handling of handlings) tell({ signal: 'handler.event.start', ...handling })
  try {
    await run()
  } catch (error) {
    const durationMs = clock.now() - startedAt
    for (const handling of handlings) tell({ signal: 'handler.event.exception', ...handling, error, durationMs })
    throw error
  }
  const durationMs = clock.now() - startedAt
  for (const handling of handlings) tell({ signal: 'handler.event.stop', ...handling, durationMs })
}

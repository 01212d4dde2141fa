/** Event handlers: a side effect per event, or for many events together, in order per stream. */
import type { AnyEventHandler, BatchContext, HandlerContext } from '../../core/event-handler.ts'
import type { RecordedEvent } from '../../core/recorded-event.ts'
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
  let made: { readonly state: unknown } | undefined

  async function init(): Promise<unknown> {
    made ??= { state: await handler.init?.({ part, signal }) }
    return made.state
  }

  function alone(state: unknown): Batch {
    return {
      async handle({ event, attempt }) {
        await watched(engine, handler.name, [event], attempt, () => handler.handle?.(event, { state, attempt, signal, ...callsFor(event) }))
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
          await watched(engine, handler.name, events, attempt, () => handler.handleBatch?.(events, { state, attempt, signal, execute }))
          return undefined
        } catch (error) {
          return { error }
        }
      },
      gathered: () => ({}),
    }
  }

  return {
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

type Watching = Pick<Engine, 'tell' | 'clock'>

/** Tells of each event when the call with it begins, and how it ends. */
async function watched(
  { tell, clock }: Watching,
  handler: string,
  events: readonly RecordedEvent[],
  attempt: number,
  run: () => unknown,
): Promise<void> {
  if (!tell) return void (await run())
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

/** Event handlers: a side effect per event, in order per stream. */
import type { AnyEventHandler, HandlerContext } from '../../core/event-handler.ts'
import type { RecordedEvent } from '../../core/recorded-event.ts'
import type { Engine } from '../engine.ts'
import type { Consumer } from './subscription.ts'

/** What a handler is given beside the event and the attempt. */
export type CallsFor = (event: RecordedEvent) => Pick<HandlerContext, 'execute'>

export function handlerConsumer(handler: AnyEventHandler, callsFor: CallsFor, signal: AbortSignal, engine: Watching): Consumer {
  return {
    keysOf: ({ stream }) => [stream],
    begin: () => ({
      async handle({ event, attempt }) {
        const handle = () => handler.handle(event, { attempt, signal, ...callsFor(event) })
        const run = () => (engine.tell ? watched(engine.tell, engine, handler.name, event, attempt, handle) : handle())
        await (engine.tracing ? engine.tracing.around({ kind: 'handle', handler: handler.name, event, attempt }, run) : run())
      },
      gathered: () => ({}),
    }),
    forget() {},
  }
}

type Watching = Pick<Engine, 'tell' | 'tracing' | 'clock'>

async function watched(
  tell: NonNullable<Engine['tell']>,
  { clock }: Watching,
  handler: string,
  { tenant, type, stream, position }: RecordedEvent,
  attempt: number,
  run: () => unknown,
): Promise<void> {
  const handling = { tenant, handler, type, stream, position, attempt }
  const startedAt = clock.now()
  tell({ signal: 'handler.event.start', ...handling })
  try {
    await run()
  } catch (error) {
    tell({ signal: 'handler.event.exception', ...handling, error, durationMs: clock.now() - startedAt })
    throw error
  }
  tell({ signal: 'handler.event.stop', ...handling, durationMs: clock.now() - startedAt })
}

/** Event handlers: a side effect per event, in order per stream. */
import type { AnyEventHandler, HandlerContext } from '../../core/event-handler.ts'
import type { RecordedEvent } from '../../core/recorded-event.ts'
import type { Consumer } from './subscription.ts'

/** What a handler is given beside the event and the attempt. */
export type CallsFor = (event: RecordedEvent) => Pick<HandlerContext, 'execute'>

export function handlerConsumer({ handle }: AnyEventHandler, callsFor: CallsFor, signal: AbortSignal): Consumer {
  return {
    keysOf: ({ stream }) => [stream],
    begin: () => ({
      async handle({ event, attempt }) {
        await handle(event, { attempt, signal, ...callsFor(event) })
      },
      gathered: () => ({}),
    }),
    forget() {},
  }
}

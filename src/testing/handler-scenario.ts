/** Given events, then commands: an event handler without the rest of its app. Every command that it executes is accepted. */
import type { AnyCall } from '../core/command.ts'
import type { AnyEventHandler } from '../core/event-handler.ts'
import type { RecordedEvent } from '../core/recorded-event.ts'
import { fail, textOf } from './expectation.ts'
import { type GivenEvent, recorderOf } from './given-events.ts'

/** What a handler should have come to. Its other effects are in whatever the test has given it. */
export interface ThenHandled {
  /** Every event was handled, and exactly these commands were executed, in this order. */
  thenCommands(...calls: readonly AnyCall[]): Promise<void>
  /** It threw; `message` is a part of why. What came after that was not handled. */
  thenFailed(message?: string): Promise<void>
}

/** A test of an event handler. */
export interface HandlerScenario {
  given(...events: readonly GivenEvent[]): ThenHandled
}

interface Result {
  readonly commands: string
  readonly failure: string | undefined
}

export function handlerScenario(handler: AnyEventHandler, past: readonly GivenEvent[]): ThenHandled {
  let result: Promise<Result> | undefined
  const run = () => {
    result ??= runHandler(handler, past)
    return result
  }
  const told = ({ commands, failure }: Result) => `commands ${commands}${failure === undefined ? '' : `; it failed: ${failure}`}`
  return {
    async thenCommands(...calls) {
      const actual = await run()
      const expected = textOfCalls(calls)
      if (actual.failure !== undefined || actual.commands !== expected) fail(handler.name, `commands ${expected}`, told(actual))
    },
    async thenFailed(message = '') {
      const actual = await run()
      if (!actual.failure?.includes(message)) fail(handler.name, `to fail${message && `: ${message}`}`, told(actual))
    },
  }
}

async function runHandler(handler: AnyEventHandler, past: readonly GivenEvent[]): Promise<Result> {
  const calls: AnyCall[] = []
  const types = new Set(handler.events.map(({ type }) => type))
  const events = past
    .flatMap(recorderOf(handler.events))
    .map(({ recorded }) => recorded)
    .filter(({ type }) => types.has(type))
  const { signal } = new AbortController()
  const execute = async (call: AnyCall) => {
    calls.push(call)
    return { events: [], version: 0, position: 0, duplicate: false } as never
  }
  try {
    const context = { state: await handler.init?.({ part: '0/1', signal }), attempt: 1, signal, execute }
    for (const batch of batchesOf(handler, events)) {
      if (handler.handleBatch) await handler.handleBatch(batch, context)
      else await handler.handle?.(batch[0], context)
    }
    return { commands: textOfCalls(calls), failure: undefined }
  } catch (error) {
    return { commands: textOfCalls(calls), failure: error instanceof Error ? error.message : String(error) }
  }
}

function batchesOf({ handleBatch, maxBatch = 100 }: AnyEventHandler, events: readonly RecordedEvent[]): readonly RecordedEvent[][] {
  const size = handleBatch ? maxBatch : 1
  return Array.from({ length: Math.ceil(events.length / size) }, (_, i) => events.slice(i * size, (i + 1) * size))
}

function textOfCalls(calls: readonly AnyCall[]): string {
  return calls.length === 0 ? 'none' : calls.map(({ command, input }) => textOf(command, input)).join(', ')
}

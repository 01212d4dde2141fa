/** A subscriber that knows nothing but the last position it has seen. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { StoreUnavailableError } from '../../../src/core/errors.ts'
import type { EventStore } from '../../../src/core/event-store.ts'
import type { LoggedEvent } from './stored-log.ts'

/** Polls `readAll({ after })` until it is ended; a server that is away is asked again. */
export function subscribe(store: EventStore): { end(): Promise<readonly LoggedEvent[]> } {
  const delivered: LoggedEvent[] = []
  let after = 0
  let ended = false

  async function poll(): Promise<void> {
    for await (const page of store.readAll({ after, pageSize: 100 })) {
      for (const { position, stream, version, id } of page.events) delivered.push({ position, stream, version, id })
      after = page.position
    }
  }
  async function pollOn(): Promise<void> {
    while (!ended) {
      await poll().catch(assertRetryable)
      await pause(1)
    }
  }
  const polling = pollOn()

  return {
    async end() {
      ended = true
      await polling
      await poll()
      return delivered
    },
  }
}

/** What a caller may get while a server is away. */
export function assertRetryable(error: unknown): asserts error is StoreUnavailableError {
  if (!(error instanceof StoreUnavailableError) || !error.retryable) assert.fail(error as Error)
}

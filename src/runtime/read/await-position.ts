/** Waiting until the log has reached a position: how a view can promise to reflect somebody's write. */
import type { EventStore } from '../../core/event-store.ts'

/** Settles when the head is at the position or above it; rejects when the signal aborts before. */
export async function awaitPosition(store: EventStore, position: number, signal: AbortSignal | undefined): Promise<void> {
  if ((await store.head()) >= position) return
  const stop = new AbortController()
  const heard = AbortSignal.any(signal ? [signal, stop.signal] : [stop.signal])
  try {
    for await (const head of store.changes(heard)) if (head >= position) return
    signal?.throwIfAborted()
  } finally {
    stop.abort()
  }
}

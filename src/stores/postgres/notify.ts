/**
 * Wake-ups between processes, by NOTIFY: from outside the appends, and at most some hundred a second.
 *
 * NOTIFY makes commits queue for one lock of the whole server, so there is none in an append. A wake-up is a hint and may be lost:
 * a poll finds what it would have told.
 */
import type { Connections } from './connections.ts'
import { firstOf, type PgPoolClient, rowsOf } from './pg.ts'

/** Tells other processes, and is told by them. */
export interface Notifications {
  /** From now on `wake` is called for commits of other processes. */
  start(): void
  stop(): void
  /** Something was committed here: the others are told soon. */
  committed(): void
}

const shortestIntervalMs = 10
const longestPauseMs = 30_000

/** @param channel  one a schema. @param wake  told that there may be something new. */
export function notifications(
  connections: Pick<Connections, 'use' | 'canSpareOne'>,
  channel: string,
  pollMs: number,
  wake: () => void,
): Notifications {
  let poll: ReturnType<typeof setInterval> | undefined
  let listening: AbortController | undefined
  let telling = false

  async function listen(signal: AbortSignal): Promise<void> {
    for (let pauseMs = 100; !signal.aborted; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      try {
        await connections.use(async (client) => {
          const ending = endOf(client, signal)
          client.on('notification', wake)
          try {
            await rowsOf(client, `LISTEN "${channel}"`)
            pauseMs = 100
            wake() // what was told while nobody listened
            await ending.reached
            if (signal.aborted) await rowsOf(client, 'UNLISTEN *')
          } finally {
            client.removeListener('notification', wake)
            ending.forget()
          }
        })
      } catch {
        // The server is away, or the connections are used up: the poll goes on, and so does this.
      }
      if (!signal.aborted) await pause(pauseMs * (0.5 + Math.random()), signal)
    }
  }

  return {
    start() {
      poll ??= setInterval(wake, pollMs).unref()
      if (listening || !connections.canSpareOne) return
      listening = new AbortController()
      void listen(listening.signal)
    },
    stop() {
      clearInterval(poll)
      poll = undefined
      listening?.abort()
      listening = undefined
    },
    committed() {
      wake()
      if (telling) return
      telling = true
      setTimeout(() => {
        telling = false
        connections.use((client) => firstOf(client, 'SELECT pg_notify($1, $2)', [channel, ''])).catch(() => {}) // a hint: the others poll
      }, shortestIntervalMs).unref()
    },
  }
}

/** When the connection ends, or is not needed any more. The client goes back to its pool, so whoever has asked takes the listeners back. */
function endOf(client: PgPoolClient, signal: AbortSignal): { readonly reached: Promise<void>; forget(): void } {
  let settle = () => {}
  const reached = new Promise<void>((resolve) => {
    settle = resolve
  })
  client.on('end', settle)
  client.on('error', settle)
  signal.addEventListener('abort', settle)
  return {
    reached,
    forget() {
      client.removeListener('end', settle)
      client.removeListener('error', settle)
      signal.removeEventListener('abort', settle)
    },
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms).unref()
    signal.addEventListener('abort', end)
  })
}

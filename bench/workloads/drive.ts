/** Concurrent callers, each with its own share of the calls. */

export interface Driven {
  readonly succeeded: number
  readonly failed: number
  readonly reason: string
  readonly seconds: number
}

/**
 * Lets every caller call until `goOn` says that it is enough; a call that fails is counted, not repeated.
 *
 * @param call  the n-th call of a caller.
 */
export async function drive(callers: number, goOn: (n: number) => boolean, call: (caller: number, n: number) => unknown): Promise<Driven> {
  let succeeded = 0
  let failed = 0
  let reason = ''
  const started = performance.now()
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let n = 0; goOn(n); n++) {
        try {
          await call(caller, n)
          succeeded++
        } catch (error) {
          failed++
          reason ||= error instanceof Error ? error.message : String(error)
          // A call that fails at once must not keep the others from their turn.
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
    }),
  )
  return { succeeded, failed, reason, seconds: (performance.now() - started) / 1000 }
}

/** Goes on for so many seconds. */
export function during(seconds: number): () => boolean {
  const end = performance.now() + seconds * 1000
  return () => performance.now() < end
}

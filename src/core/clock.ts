/** PORT: the time. Core never reads a clock by itself; the runtime brings the system's, tests bring their own. */

/** A clock that can also wake somebody up. */
export interface Clock {
  /** Whole milliseconds since 1970; may go back when the system's clock is set. */
  now(): number
  /**
   * Calls back once after `ms` milliseconds. Returns how to cancel.
   *
   * @param keepAlive  whether a process that has nothing else to do waits for it; default no.
   */
  after(ms: number, callback: () => void, keepAlive?: boolean): () => void
}

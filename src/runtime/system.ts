/** The system's own clock, randomness and ids: the impure defaults of the ports in core. */
import type { Clock } from '../core/clock.ts'
import { hybridLogicalIds, type IdSource } from '../core/ids.ts'

/** The wall clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, callback, keepAlive = false) {
    // The longest delay of a timer; a longer one would fire at once.
    const timer = setTimeout(callback, Math.min(ms, 2 ** 31 - 1))
    if (!keepAlive) timer.unref?.()
    return () => clearTimeout(timer)
  },
}

/** A source of UUIDv7 on a clock; `nodeId` (32 bits) makes ids tell which process made them. */
export function systemIds(now: () => number = Date.now, nodeId?: number): IdSource {
  return hybridLogicalIds(nodeId === undefined ? { now, random32 } : { now, random32, nodeId })
}

const ids = systemIds()

/** A new UUIDv7 from a hybrid logical clock: greater than every one that this process made before. */
export function newId(): string {
  return ids.next()
}

// Random numbers are drawn a page at a time: one call of the generator for 256 of them.
const pool = new Uint32Array(256)
let drawn = pool.length

function random32(): number {
  if (drawn === pool.length) {
    crypto.getRandomValues(pool)
    drawn = 0
  }
  return pool[drawn++] as number
}

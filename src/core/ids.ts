/** Event ids: UUIDv7 from a hybrid logical clock. They sort by time and never go back, even when the wall clock does. */

/** PORT: where ids come from. */
export interface IdSource {
  /** A new UUIDv7, greater than every one made before by this source. */
  next(): string
}

/** What an id is made of; injected, because core has neither a clock nor randomness. */
export interface IdParts {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** A whole number of 32 random bits, unpredictable. */
  readonly random32: () => number
  /** Makes ids tell which process made them: 32 bits that take the place of random ones. Absent: all random. */
  readonly nodeId?: number
}

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/**
 * An id source on a hybrid logical clock: 48 bits of milliseconds, 12 bits of counter, 62 bits of node and randomness.
 *
 * When the wall clock stands still or goes back, the last time is kept and the counter counts; when the counter is full
 * (4,096 ids in one millisecond) the logical time moves ahead of the wall clock by one millisecond.
 *
 * @see RFC 9562, section 6.2, method 1 (fixed-length dedicated counter bits)
 */
export function hybridLogicalIds({ now, random32, nodeId }: IdParts): IdSource {
  let lastMs = 0
  let counter = 0
  let time = ''
  return {
    next() {
      const ms = now()
      if (ms > lastMs || ++counter > 0xfff) {
        lastMs = Math.max(ms, lastMs + 1)
        counter = 0
        time = timePart(lastMs)
      }
      const middle = nodeId === undefined ? random32() : nodeId
      const tail = random32()
      return (
        time +
        byte(0x70 | (counter >>> 8)) +
        byte(counter) +
        '-' +
        byte(0x80 | (random32() & 0x3f)) +
        byte(middle >>> 24) +
        '-' +
        byte(middle >>> 16) +
        byte(middle >>> 8) +
        byte(middle) +
        byte(tail >>> 16) +
        byte(tail >>> 8) +
        byte(tail)
      )
    },
  }
}

/** The first half of an id, the same for a whole millisecond. */
function timePart(ms: number): string {
  const digits = Math.floor(ms).toString(16).padStart(12, '0')
  return `${digits.slice(0, 8)}-${digits.slice(8)}-`
}

const byte = (value: number): string => hex[value & 0xff] as string

/** The moment that a UUIDv7 carries, in milliseconds since 1970. */
export function timeOfId(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

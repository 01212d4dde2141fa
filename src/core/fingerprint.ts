/** Fingerprints: short, stable texts that change when what they describe changes. */
import type { AnyEventType } from './event.ts'
import type { AnyEvolvers } from './fold.ts'

/** What a fold is made of, as far as a program can see it. */
export interface FoldSource {
  readonly events: readonly AnyEventType[]
  readonly initial?: () => unknown
  readonly evolve?: AnyEvolvers
  readonly version?: number | undefined
  readonly more?: readonly unknown[]
}

/**
 * A fingerprint of a fold: its event types with their schema versions, the source of its functions, its `version`.
 *
 * It cannot see what those functions call: raise `version` when that changes.
 */
export function fingerprintOf({ events, initial, evolve = {}, version = 1, more = [] }: FoldSource): string {
  const types = events.map((type) => `${type.type}@${type.schemaVersion}`).sort()
  const functions = Object.keys(evolve)
    .sort()
    .map((type) => `${type}=${evolve[type]}`)
  return hash53([version, ...types, String(initial), ...functions, ...more.map(String)].join('\n'))
}

/** A 53-bit hash of a text as 14 hex digits: for telling builds and requests apart, not for security. */
export function hash53(text: string): string {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    a = Math.imul(a ^ unit, 2654435761)
    b = Math.imul(b ^ unit, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(16).padStart(14, '0')
}

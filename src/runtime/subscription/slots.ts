/**
 * How a subscription is divided: its keys fall into 64 slots, for ever, and a part has some of the slots.
 *
 * Order is kept per key. A key never changes its slot, so the number of parts can change, and each key still goes on where it was.
 */

/** How many slots there are. */
export const slotCount = 64

/** A range of slots, both ends inclusive. */
export interface Slots {
  readonly from: number
  readonly to: number
}

/** The slot of a key. */
export function slotOf(tenant: string, key: string): number {
  return hash(key, hash(tenant, 0x811c9dc5)) & (slotCount - 1)
}

/** FNV-1a, and a last stir: its low bits alone are too regular for keys that differ in their last digit. */
function hash(text: string, start: number): number {
  let h = start
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h ^= h >>> 15
  return Math.imul(h, 0x2c1b3c6d) ^ (h >>> 12)
}

/** The names of the parts of a subscription. */
export function partNames(parts: number): readonly string[] {
  return Array.from({ length: parts }, (_, n) => `${n}/${parts}`)
}

/** The slots of a part. */
export function slotsOf(part: string): Slots {
  const [n, parts] = part.split('/').map(Number) as [number, number]
  return { from: Math.floor((n * slotCount) / parts), to: Math.floor(((n + 1) * slotCount) / parts) - 1 }
}

/** Whether a slot is one of them. */
export const isIn = (slots: Slots, slot: number): boolean => slot >= slots.from && slot <= slots.to

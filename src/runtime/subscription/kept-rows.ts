/** Rows that need not be read again: those that were used last. */

/** Rows by name. */
export interface KeptRows<T> {
  get(id: string): T | undefined
  set(id: string, row: T): void
  delete(id: string): void
  clear(): void
}

/** How many a part keeps at least, unless it says otherwise. */
const usually = 10_000

/**
 * @param most    how many are kept at least; there may be twice as many.
 * @param forgot  told when some of them are not kept any more.
 */
export function keptRows<T>(most = usually, forgot: () => void = () => {}): KeptRows<T> {
  const rows = new Map<string, T>()
  return {
    get: (id) => rows.get(id),
    set(id, row) {
      rows.delete(id)
      rows.set(id, row)
      if (rows.size <= 2 * most) return
      // Seldom, and then many: to find the oldest one costs more the more were deleted before it.
      for (const oldest of rows.keys()) {
        if (rows.size <= most) break
        rows.delete(oldest)
      }
      forgot()
    },
    delete: (id) => void rows.delete(id),
    clear: () => rows.clear(),
  }
}

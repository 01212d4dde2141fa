/** Money is a whole number of cents: there are no fractions of a cent, and sums of whole numbers are exact. */
import { z } from 'zod'

/** An amount that moves: from one cent to 100 million at a time. */
export const amount = z.int().positive().max(100_000_000_00)

/** `123456` → `1,234.56`. */
export function formatMoney(cents: number): string {
  return (cents / 100).toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
}

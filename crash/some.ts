/** A problem in one sentence: how many, and which for example. `undefined` when there are none. */
export function some(which: readonly string[], what: string): string | undefined {
  if (which.length === 0) return undefined
  return `${which.length} ${what}: ${which.slice(0, 3).join(', ')}${which.length > 3 ? ' …' : ''}`
}

/** Numbers as a line of small bars: `▁▂▅▇█▆▃`. */
const bars = '▁▂▃▄▅▆▇█'

/** At most `width` characters; of values that share one, the last counts. */
export function sparkline(values: readonly number[], width: number): string {
  const count = Math.min(values.length, width)
  const shown = Array.from({ length: count }, (_, i) => values[Math.floor(((i + 1) * values.length) / count) - 1]!)
  const low = Math.min(...shown)
  const span = Math.max(...shown) - low || 1
  return shown.map((value) => bars[Math.round(((value - low) / span) * (bars.length - 1))]).join('')
}

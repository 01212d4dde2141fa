/** What became of the lines, counted. */
import type { Outcome } from './settle.ts'

export class Tally {
  lines = 0
  accepted = 0
  duplicates = 0
  events = 0
  readonly rejected = new Map<string, number>()
  readonly invalid: { readonly line: number; readonly reason: string }[] = []

  count(line: number, outcome: Outcome): void {
    this.lines++
    if (outcome.kind === 'accepted') {
      this.accepted++
      this.events += outcome.events
    }
    if (outcome.kind === 'duplicate') this.duplicates++
    if (outcome.kind === 'rejected') this.rejected.set(outcome.code, (this.rejected.get(outcome.code) ?? 0) + 1)
    if (outcome.kind === 'invalid') this.invalid.push({ line, reason: shorten(outcome.reason) })
  }
}

/** A reason may quote what was sent, which may be long. */
function shorten(reason: string): string {
  return reason.length > 200 ? `${reason.slice(0, 199)}…` : reason
}

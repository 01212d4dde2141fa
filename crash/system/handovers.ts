/** What processes have written down about the parts of work that they have begun: one line each, with the part and the process. */
import type { Signal } from 'dacapo'

type Start = Extract<Signal, { readonly signal: 'subscription.start' }>

export const startLine = ({ kind, name, part }: Start, owner: string): string => `part ${kind}:${name} ${part} ${owner}`

export interface Handovers {
  /** How often a part was begun by another process than the time before. */
  readonly handedOver: number
  /** How many of them were parts of a rebuild, which went on there. */
  readonly resumed: number
}

/** @param lines  in their order; a process that was started again is another one. */
export function handoversOf(lines: readonly string[]): Handovers {
  const owners = new Map<string, string>()
  const count = { handedOver: 0, resumed: 0 }
  for (const line of lines) {
    const end = line.lastIndexOf(' ')
    const [part, owner] = [line.slice(0, end), line.slice(end + 1)]
    const before = owners.get(part)
    if (before !== undefined && before !== owner) {
      count.handedOver++
      if (part.startsWith('part rebuild:')) count.resumed++
    }
    owners.set(part, owner)
  }
  return count
}

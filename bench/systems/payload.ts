/** The event that everybody writes: 200 bytes of JSON. */

export type Entry = { readonly amount: number; readonly owner: string; readonly reference: string; readonly text: string }
export type State = { readonly entries: number; readonly balance: number }

const text = 'rent, water and heating for the flat on the second floor, paid in advance for the next month, thank you very much'

let made = 0

export function entry(): Entry {
  return { amount: 1, owner: 'ann', reference: `${++made}`.padStart(36, '0'), text }
}

export const initial = (): State => ({ entries: 0, balance: 0 })

export const evolve = (state: State, { amount }: Entry): State => ({ entries: state.entries + 1, balance: state.balance + amount })

/** The decision looks at the state, so that nobody can leave the load out. */
export function decide(state: State): Entry {
  if (state.balance !== state.entries) throw new Error(`A wrong state: ${JSON.stringify(state)}.`)
  return entry()
}

/** Options that nobody knows: a misspelt `authorize` must not leave a door open in silence. */

import { closest } from './closest.ts'
import { DefinitionError } from './errors.ts'

/** @throws DefinitionError (`ES_DEFINITION`) with the option that was probably meant. */
export function assertOptions(what: string, given: object | undefined, known: readonly string[]): void {
  for (const option of Object.keys(given ?? {})) {
    if (known.includes(option)) continue
    const meant = closest(option, known)
    throw new DefinitionError(`${what} has no option "${option}"; ${meant ? `did you mean ${meant}?` : `it has ${known.join(', ')}.`}`)
  }
}

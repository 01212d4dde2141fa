/** Programs: random sequences of steps that print as a list, one step a line, so that a counterexample can be read. */
import { inspect } from 'node:util'
import fc from 'fast-check'
import { lists } from './lists.ts'

interface Step {
  readonly kind: string
}

export function programs<S extends Step>(steps: fc.Arbitrary<S>, maxLength: number): fc.Arbitrary<readonly S[]> {
  return lists(steps, maxLength).map((program) => Object.assign(program, { [fc.toStringMethod]: () => program.map(lineOf).join('\n') }))
}

function lineOf({ kind, ...parts }: Step, index: number): string {
  return `  ${index + 1}. ${kind} ${inspect(parts, { depth: null, compact: true, breakLength: Number.POSITIVE_INFINITY })}`
}

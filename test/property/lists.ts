/** Lists whose elements can be left out of a counterexample wherever they are; fast-check itself makes a list shorter at its beginning. */
import fc from 'fast-check'

/** At least one element, unless it is left out; at most so many. */
export function lists<T extends object>(elements: fc.Arbitrary<T>, maxLength: number): fc.Arbitrary<T[]> {
  const element = fc.oneof(
    { withCrossShrink: true },
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 999, arbitrary: elements },
  )
  // Without a size, the maximum is taken for a mere limit, and lists have a dozen elements at most.
  return fc.array(element, { minLength: 1, maxLength, size: 'max' }).map((list) => list.filter((one) => one !== undefined))
}

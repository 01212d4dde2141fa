/** Records of which some parts are there now and then only: a counterexample is shown without those that do not matter. */
import fc from 'fast-check'

/** Once in so many times. */
export function maybe<T>(oneIn: number, values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ withCrossShrink: true }, { weight: oneIn - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: values })
}

/** The parts that may be undefined are then not there at all. */
export type Present<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

/** A record, without those of its parts that are undefined. */
export function record<T>(parts: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Present<T>> {
  return fc.record(parts as never, { noNullPrototype: true }).map((filled) => onlyDefined(filled as object) as Present<T>)
}

/** The same without members that are undefined. */
export function onlyDefined<T extends object>(given: T): Present<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Present<T>
}

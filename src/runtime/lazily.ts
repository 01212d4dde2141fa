/** Calls that load what they need when they are made: an app that never makes them does not load it. */
import type { Lifecycle } from './lifecycle.ts'

/** An object with these calls, each of which is one of the app's, called `what.call`. */
export function lazily<T extends object>(
  { during }: Pick<Lifecycle, 'during'>,
  what: string,
  calls: readonly (keyof T & string)[],
  load: () => Promise<T>,
): T {
  const through = (call: keyof T & string) => [
    call,
    (...given: readonly unknown[]) => during(`${what}.${call}`, async () => ((await load())[call] as any)(...given)),
  ]
  return Object.fromEntries(calls.map(through))
}

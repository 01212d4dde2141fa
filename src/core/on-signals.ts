/** Observers of some signals. */
import { DefinitionError } from './errors.ts'
import { type Observer, type Signal, signalNames } from './observer.ts'

/** The signals whose names begin so, e.g. with `'handler.'`. */
export type SignalsOf<P extends string> = Extract<Signal, { readonly signal: `${P}${string}` }>

/**
 * An observer of the signals whose names begin with a prefix, or of the one that is called so.
 *
 * @throws DefinitionError (`ES_DEFINITION`) no signal is called so.
 * @example
 * createApp({ store, commands, observer: onSignals('handler.', (signal) => console.log(signal.signal)) })
 */
export function onSignals<const P extends string>(prefix: P, observe: (signal: SignalsOf<P>) => void): Observer {
  if (!signalNames.some((name) => name.startsWith(prefix)))
    throw new DefinitionError(`There is no signal whose name begins with "${prefix}".`)
  return (signal) => {
    if (signal.signal.startsWith(prefix)) observe(signal as SignalsOf<P>)
  }
}

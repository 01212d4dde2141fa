import { setTimeout as pause } from 'node:timers/promises'
import { DacapoError } from 'dacapo'

/** Does it again for as long as the bank says that this may help. */
export async function atLast<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(DacapoError.is(error) && error.retryable)) throw error
      await pause(50)
    }
  }
}

/** The clock of the contract: it stands still until a case moves it; its timers are real, since nothing waits for a case. */
import type { ContractClock } from './contract-case.ts'

/** A new clock, at the time of now. */
export function contractClock(): ContractClock {
  let time = Date.now()
  return {
    now: () => time,
    move(ms) {
      time += ms
    },
    after(ms, callback) {
      const timer: { unref?(): void } = setTimeout(callback, ms) as never
      timer.unref?.()
      return () => clearTimeout(timer as never)
    },
  }
}

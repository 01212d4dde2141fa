/** How fast calls are answered: warmed up with the same work, then measured for seconds. */
import type { System } from '../systems/system.ts'
import { type Calls, callersOf, type Driven, nothing, plus } from './drive.ts'
import { median } from './median.ts'
import type { Load, OpenStore, Sample } from './workload.ts'

/** What is done on one store. When its calls are used up, the next store follows, so that none grows without end. */
export interface Pass {
  /** Not measured. */
  fill(system: System): Promise<void> | void
  calls(system: System): Calls
  /** Looks whether what was acknowledged is there. */
  readonly check?: (system: System, succeeded: number) => Promise<void>
}

export const secondsOf = ({ quick }: Load) => (quick ? { warmUp: 0.2, measured: 0.4 } : { warmUp: 1.5, measured: 2 })

/** @param unitsPerCall  what one call counts in the workload's unit. */
export async function rate(open: OpenStore, load: Load, unitsPerCall: number, pass: Pass): Promise<Sample> {
  const seconds = secondsOf(load)
  const began = performance.now()
  let warmUp = nothing
  let measured = nothing
  // A floor in memory has used up its calls in no time: then it is enough when filling has taken as long as all that was planned.
  const enough = (driven: Driven, planned: number, inAll: number) =>
    driven.seconds >= planned || (driven.succeeded > 0 && performance.now() - began > 2000 * inAll)
  while (!enough(measured, seconds.measured, seconds.warmUp + seconds.measured)) {
    const system = await open()
    await pass.fill(system)
    await system.settle()
    const goOn = callersOf(pass.calls(system))
    const before = warmUp.succeeded + measured.succeeded
    if (!enough(warmUp, seconds.warmUp, seconds.warmUp)) warmUp = plus(warmUp, await goOn(seconds.warmUp - warmUp.seconds))
    // Who leaves calls unanswered does not answer better the second time.
    if (warmUp.unanswered > 0) return sampleOf(warmUp, unitsPerCall)
    if (enough(warmUp, seconds.warmUp, seconds.warmUp)) measured = plus(measured, await goOn(seconds.measured - measured.seconds))
    if (measured.unanswered > 0) return sampleOf(measured, unitsPerCall)
    await pass.check?.(system, warmUp.succeeded + measured.succeeded - before)
    await system.close()
  }
  return sampleOf(measured, unitsPerCall)
}

function sampleOf({ succeeded, failed, unanswered, reason, seconds, callMs }: Driven, unitsPerCall: number): Sample {
  const sample = { value: (succeeded * unitsPerCall) / seconds, failed, unanswered, reason }
  return callMs.length === 0 ? sample : { ...sample, remark: `p50 of a call ${median(callMs).toFixed(3)} ms` }
}

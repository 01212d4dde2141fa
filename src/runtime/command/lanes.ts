/** Lanes: one at a time in each, nobody held up by the others. */
import { type Gate, gate } from '../../core/gate.ts'

/** Where those wait who have met a conflict: one at a time in a lane, so that they do not use up their attempts against each other. */
export interface Lanes {
  /** Waits for its turn; resolves to how to leave. */
  enter(lane: string): Promise<() => void>
}

/** Lanes that nobody is in; one exists only while somebody is. */
export function makeLanes(): Lanes {
  const lanes = new Map<string, { readonly gate: Gate; users: number }>()
  return {
    async enter(name) {
      const lane = lanes.get(name) ?? { gate: gate(), users: 0 }
      lanes.set(name, lane)
      lane.users++
      const leave = await lane.gate.enter()
      return () => {
        leave()
        if (--lane.users === 0) lanes.delete(name)
      }
    },
  }
}

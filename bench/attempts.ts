/** How each system is asked: Dacapo as the workload says, the floor with as much in a commit, the peers as it suits them. */
import type { Opening, StoreName, SystemName } from './systems/system.ts'
import type { Load, Workload } from './workloads/workload.ts'

export type Attempt = Load & Pick<Opening, 'oneConnection'>

export function attemptsOf(
  { callers, anyConcurrency, batches }: Workload,
  store: StoreName,
  system: SystemName,
  quick: boolean,
): readonly Attempt[] {
  const base = { system, store, quick, callers, perCall: 1, oneConnection: false }
  if (system === 'dacapo') return [base]
  if (system === 'raw') return [{ ...base, callers: 1, perCall: callers }]
  if (batches.length > 0) return batches.map((batch) => ({ ...base, batch }))
  const alone = { ...base, callers: 1, oneConnection: system === 'emmett' && store === 'sqlite' }
  if (!anyConcurrency.includes(store)) return [alone]
  const attempts = [1, 8, callers > 1 ? callers : 64].map((count) => ({ ...base, callers: count }))
  return alone.oneConnection ? [alone, ...attempts] : attempts
}

export function nameOf({ system, callers, perCall, oneConnection, batch }: Attempt): string {
  if (batch !== undefined) return `${system} in batches of ${batch.toLocaleString('en')}`
  return `${system} ${callers > 1 ? callers : perCall} at once${oneConnection ? ' on one connection' : ''}`
}

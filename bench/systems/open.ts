/** Opens a system by its name; a peer's modules are loaded only where it is measured. */
import type { Opening, System, SystemName } from './system.ts'

export async function open(system: SystemName, opening: Opening): Promise<System> {
  if (system === 'dacapo') return (await import('./dacapo.ts')).openDacapo(opening)
  if (system === 'emmett') return (await import('./emmett.ts')).openEmmett(opening)
  if (opening.store === 'memory') return (await import('./raw-memory.ts')).openRawMemory(opening)
  return (await import('./raw-sqlite.ts')).openRawSqlite(opening)
}

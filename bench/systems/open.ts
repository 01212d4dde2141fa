/** Opens a system by its name. */
import type { Open, Opening, System, SystemName } from './system.ts'

/** Loaded by a path that the type checker does not follow, so that the peers' packages need not be there to check the rest. */
export async function open(system: SystemName, opening: Opening): Promise<System> {
  const file = system === 'raw' ? `raw-${opening.store}` : system
  const module = (await import(`./${file}.ts`)) as { readonly open: Open }
  return module.open(opening)
}

/** Tells that an event of an older schema version was brought to its current one. */
import type { AnyEventType } from '../core/event.ts'
import type { StoredEvent } from '../core/stored-event.ts'
import type { Engine } from './engine.ts'

/** @param type  its definition; without one it is read as it is. */
export function tellUpcast(tell: Engine['tell'], type: AnyEventType | undefined, stored: StoredEvent): void {
  if (!tell || !type || stored.schemaVersion === type.schemaVersion) return
  const { tenant, stream, version, schemaVersion: from } = stored
  tell({ signal: 'event.upcast', tenant, stream, type: type.type, version, from, to: type.schemaVersion })
}

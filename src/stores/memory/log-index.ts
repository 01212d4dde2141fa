/** Where in the log a tag or a type occurs, so that a decision does not walk the whole of it. */

import { matches, type Query, type QueryItem } from '../../core/query.ts'
import type { StoredEvent } from '../../core/stored-event.ts'

/** One text for a name in a tenant; the length keeps `a` + `bc` apart from `ab` + `c`. */
export const inTenant = (tenant: string, name: string): string => `${tenant.length}:${tenant}${name}`

/** An index over the log of one store. */
export interface LogIndex {
  add(event: StoredEvent): void
  /** What matches and lies above `after`, by position; `undefined` when the query has to look at every event. */
  matching(tenant: string, query: Query, after: number): readonly StoredEvent[] | undefined
}

/** An index of an empty log. */
export function logIndex(): LogIndex {
  const tagged = new Map<string, StoredEvent[]>()
  const typed = new Map<string, StoredEvent[]>()

  function candidates(tenant: string, { types, tags }: QueryItem): readonly (readonly StoredEvent[])[] | undefined {
    if (tags && tags.length > 0)
      return [tags.map((tag) => tagged.get(inTenant(tenant, tag)) ?? []).reduce((a, b) => (b.length < a.length ? b : a))]
    if (types && types.length > 0) return types.map((type) => typed.get(inTenant(tenant, type)) ?? [])
    return undefined
  }

  return {
    add(event) {
      push(typed, inTenant(event.tenant, event.type), event)
      for (const tag of event.tags) push(tagged, inTenant(event.tenant, tag), event)
    },
    matching(tenant, query, after) {
      if (query.length === 0) return undefined
      const found = new Set<StoredEvent>()
      for (const item of query) {
        const lists = candidates(tenant, item)
        if (!lists) return undefined
        // From the end: what a decision has not seen is usually little.
        for (const list of lists) {
          for (let i = list.length - 1; i >= 0 && list[i]!.position > after; i--) if (matches([item], list[i]!)) found.add(list[i]!)
        }
      }
      return [...found].sort((a, b) => a.position - b.position)
    },
  }
}

function push(lists: Map<string, StoredEvent[]>, key: string, event: StoredEvent): void {
  const list = lists.get(key)
  if (list) list.push(event)
  else lists.set(key, [event])
}

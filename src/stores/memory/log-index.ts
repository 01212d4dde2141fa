/** Where in the log a tag or a type occurs, so that a decision does not walk the whole of it. */

import type { Query, QueryItem } from '../../core/query.ts'
import type { StoredEvent } from '../../core/stored-event.ts'

/**
 * One text for a name in a tenant. A tenant has no character 0, which so keeps `a` + `bc` apart from `ab` + `c`; a name in the default
 * tenant stays as it is, if it has none in front: a Map knows its hash already.
 */
export const inTenant = (tenant: string, name: string): string =>
  tenant === '' && name.charCodeAt(0) !== 0 ? name : `\u0000${tenant}\u0000${name}`

/** An index over the log of one store. */
export interface LogIndex {
  add(event: StoredEvent): void
  /**
   * Lists, each in the order of positions, that have every event which matches, and others too; `undefined` when the query has
   * to look at the whole log.
   */
  candidates(tenant: string, query: Query): readonly (readonly StoredEvent[])[] | undefined
}

/** An index of an empty log. */
export function logIndex(): LogIndex {
  const tagged = new Map<string, StoredEvent[]>()
  const typed = new Map<string, StoredEvent[]>()

  function candidatesFor(tenant: string, { types, tags }: QueryItem): readonly (readonly StoredEvent[])[] | undefined {
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
    candidates(tenant, query) {
      const found = query.map((item) => candidatesFor(tenant, item))
      return found.length > 0 && found.every((lists) => lists !== undefined) ? found.flat() : undefined
    },
  }
}

function push(lists: Map<string, StoredEvent[]>, key: string, event: StoredEvent): void {
  const list = lists.get(key)
  if (list) list.push(event)
  else lists.set(key, [event])
}

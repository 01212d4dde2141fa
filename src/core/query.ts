/** A query over types and tags: what a decision's boundary is made of, and a filter for reading the log. */

/** Matches an event that has one of the types AND all of the tags; an absent part matches everything. */
export interface QueryItem {
  readonly types?: readonly string[]
  readonly tags?: readonly string[]
}

/** Items are alternatives. `[]` matches every event. */
export type Query = readonly QueryItem[]

/** Whether an event matches; the reference for what every store's own query must answer. */
export function matches(query: Query, event: { readonly type: string; readonly tags: readonly string[] }): boolean {
  return query.length === 0 || query.some((item) => matchesItem(item, event))
}

function matchesItem({ types, tags }: QueryItem, event: { readonly type: string; readonly tags: readonly string[] }): boolean {
  if (types && types.length > 0 && !types.includes(event.type)) return false
  return !tags || tags.every((tag) => event.tags.includes(tag))
}

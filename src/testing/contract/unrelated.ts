/** What a store holds before a case that must not care: other streams, types, tags and tenants. */
import type { EventStore } from '../../core/event-store.ts'
import { event, range, to } from './bank.ts'
import { expectAppended } from './expect.ts'

/** Appends 1,000 events to 100 streams in two tenants; none shares a category, a type or a tag with a case. */
export async function appendUnrelated(store: EventStore): Promise<void> {
  const requests = range(1, 100).map((n) => {
    const metadata = JSON.stringify({ correlationId: `unrelated-${n}`, causationId: `unrelated-${n}`, actor: null })
    const events = range(1, 10).map((i) => event(`Unrelated${i}`, { n, i }, { tags: ['unrelated', `unrelated:${n}`], metadata }))
    return to(`unrelated-${n}`, events, { expectedVersion: 0, tenant: n % 4 === 0 ? 'unrelated' : '' })
  })
  for (const result of await store.append(requests)) expectAppended(result)
}

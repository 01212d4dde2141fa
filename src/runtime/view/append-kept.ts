/** The one way by which an app appends events. */
import type { AppendRequest, AppendResult } from '../../core/event-store.ts'
import type { ViewStore } from '../../core/view-store.ts'
import { isOutdated, type KeptSet } from './kept-views.ts'

/**
 * Appends requests of this build. Those that were judged by an outdated set are judged again, and sent again where that allows it.
 *
 * @param views  where they are appended. @param send  called at once, and again.
 */
export async function appendKept(
  kept: KeptSet,
  views: Pick<ViewStore, 'kept'>,
  requests: readonly AppendRequest[],
  send: (requests: readonly AppendRequest[]) => Promise<readonly AppendResult[]>,
): Promise<readonly AppendResult[]> {
  const results = await send(requests.map(kept.mark))
  if (!results.some(isOutdated)) return results
  const { sendAgain } = await import('./send-again.ts')
  return sendAgain(kept, views, requests, results, send)
}

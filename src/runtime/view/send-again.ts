/** Appends that were judged by an outdated set of views. Loaded when that happens: after a deployment, and in most processes never. */
import { ProjectionSetChangedError } from '../../core/errors.ts'
import type { AppendRequest, AppendResult } from '../../core/event-store.ts'
import type { ViewStore } from '../../core/view-store.ts'
import { isOutdated, type KeptSet } from './kept-views.ts'

/** Of which all but the first are needed only when the set changes once more in between. */
const attempts = 10

/**
 * Reads the set again, and sends what it does not concern. The rest is refused: this build would leave holes.
 *
 * @param results  of the first sending; those that are not about the set stay as they are.
 */
export async function sendAgain(
  kept: KeptSet,
  views: Pick<ViewStore, 'kept'>,
  requests: readonly AppendRequest[],
  results: readonly AppendResult[],
  send: (requests: readonly AppendRequest[]) => Promise<readonly AppendResult[]>,
): Promise<readonly AppendResult[]> {
  const answers = [...results]
  for (let attempt = 1; attempt <= attempts; attempt++) {
    await kept.read(views)
    const places: number[] = []
    for (const [i, answer] of answers.entries()) {
      if (!isOutdated(answer)) continue
      const stranger = kept.strangerTo(requests[i] as AppendRequest)
      if (stranger) answers[i] = { kind: 'refused', error: new ProjectionSetChangedError(stranger.projection, stranger.type) }
      else places.push(i)
    }
    if (places.length === 0) break
    const sent = await send(places.map((i) => kept.mark(requests[i] as AppendRequest)))
    for (const [n, i] of places.entries()) answers[i] = sent[n] as AppendResult
  }
  return answers
}

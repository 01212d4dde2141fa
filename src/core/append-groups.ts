/** Requests of one call that win or lose together: who belongs to whom, and what becomes of all when it goes wrong for one. */
import { checkAppend } from './check-append.ts'
import { DacapoError } from './errors.ts'
import type { AppendRequest, AppendResult } from './event-store.ts'

/**
 * Answers the requests of a call, in their order, group by group.
 *
 * @param write  appends the requests of one group, which are known to be possible; most groups are of one.
 */
export async function appendInGroups(
  requests: readonly AppendRequest[],
  write: (group: readonly AppendRequest[]) => Promise<readonly AppendResult[]>,
): Promise<readonly AppendResult[]> {
  if (requests.length === 1) return impossible(requests) ?? write(requests)
  const results: AppendResult[] = []
  await Promise.all(
    groupsOf(requests).map(async (places) => {
      const group = places.map((i) => requests[i] as AppendRequest)
      const answers = impossible(group) ?? (await write(group))
      places.forEach((i, n) => {
        results[i] = answers[n] as AppendResult
      })
    }),
  )
  return results
}

/** The refusal of what no store could keep; `undefined` when it can be tried. */
export function refusalOfShape(request: AppendRequest): AppendResult | undefined {
  try {
    checkAppend(request)
    return undefined
  } catch (error) {
    if (DacapoError.is(error)) return { kind: 'refused', error }
    throw error
  }
}

/**
 * The answers of a group in which not everything was written; `undefined` when all was.
 *
 * The refusal of one is the refusal of all; so is the memory of one, whose request was answered with its group before. Alone, an
 * answer stands for itself.
 */
export function lostTogether(answers: readonly AppendResult[]): readonly AppendResult[] | undefined {
  if (answers.length < 2) return undefined
  const verdict = answers.find(({ kind }) => kind === 'refused') ?? answers.find(({ kind }) => kind === 'remembered')
  return verdict && answers.map((answer) => (answer.kind === verdict.kind ? answer : verdict))
}

/** A measure of what a group writes: characters of JSON. */
export const sizeOf = (group: readonly AppendRequest[]): number =>
  group.reduce((sum, { events }) => events.reduce((size, { data, metadata }) => size + data.length + metadata.length, sum), 0)

/** What no store could keep is told before anything is compared with what is stored. */
function impossible(group: readonly AppendRequest[]): readonly AppendResult[] | undefined {
  const refusals = group.map(refusalOfShape)
  const first = refusals.find((refusal) => refusal !== undefined)
  return first && refusals.map((own) => own ?? first)
}

/** Indexes of requests that belong together, in the order of their first one. */
function groupsOf(requests: readonly AppendRequest[]): readonly (readonly number[])[] {
  const named = new Map<string, number[]>()
  const groups: number[][] = []
  requests.forEach(({ atomicGroup }, i) => {
    const known = atomicGroup === undefined ? undefined : named.get(atomicGroup)
    if (known) {
      known.push(i)
      return
    }
    const group = [i]
    groups.push(group)
    if (atomicGroup !== undefined) named.set(atomicGroup, group)
  })
  return groups
}

/** Appends: requests become pieces of work for the group commit. */
import { checkAppend } from '../../core/check-append.ts'
import { DacapoError } from '../../core/errors.ts'
import type { AppendRequest, AppendResult } from '../../core/event-store.ts'
import { accept, explain } from './accept.ts'
import type { Batch } from './batch.ts'
import type { GroupCommit, Work } from './group-commit.ts'

/** Submits requests and puts their results in order. */
export async function append(commit: GroupCommit, requests: readonly AppendRequest[]): Promise<readonly AppendResult[]> {
  if (requests.length === 1) return appendGroup(commit, requests)
  const results: AppendResult[] = []
  await Promise.all(
    groupsOf(requests).map(async (group) => {
      const answers = await appendGroup(
        commit,
        group.map((i) => requests[i] as AppendRequest),
      )
      group.forEach((i, n) => {
        results[i] = answers[n] as AppendResult
      })
    }),
  )
  return results
}

/** A request in a transaction that somebody else commits. */
export function appendInside(batch: Batch, request: AppendRequest): AppendResult {
  const invalid = refusal(request)
  if (invalid) return invalid
  return guarded(batch, request)
}

async function appendGroup(commit: GroupCommit, requests: readonly AppendRequest[]): Promise<readonly AppendResult[]> {
  const invalid = requests.map(refusal).find((result) => result !== undefined)
  if (invalid) return requests.map((request) => refusal(request) ?? invalid)
  return commit.submit(requests.length === 1 ? single(requests[0] as AppendRequest) : together(requests))
}

function single(request: AppendRequest): Work<readonly AppendResult[]> {
  return {
    bytes: bytesOf(request),
    guarded: (request.statements?.length ?? 0) > 0,
    run: (batch) => [accept(batch, request)],
    explain: (error, batch) => [explain(batch.handle, request, error)],
  }
}

/** Some of a group lost, so all did. */
class GroupLost extends Error {
  readonly answers: readonly AppendResult[]

  constructor(answers: readonly AppendResult[]) {
    super('The group lost.')
    this.answers = answers
  }
}

function together(requests: readonly AppendRequest[]): Work<readonly AppendResult[]> {
  return {
    bytes: requests.reduce((sum, request) => sum + bytesOf(request), 0),
    guarded: true,
    run(batch) {
      const answers = requests.map((request) => guarded(batch, request))
      // The refusal of one is the refusal of all; so is the memory of one, whose request was answered with its group before.
      const verdict = answers.find(({ kind }) => kind === 'refused') ?? answers.find(({ kind }) => kind === 'remembered')
      if (verdict) throw new GroupLost(answers.map((answer) => (answer.kind === verdict.kind ? answer : verdict)))
      return answers
    },
    explain(error) {
      if (error instanceof GroupLost) return error.answers
      throw error
    },
  }
}

const guarded = (batch: Batch, request: AppendRequest): AppendResult =>
  batch.guard(
    () => accept(batch, request),
    (error) => explain(batch.handle, request, error),
  )

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

function refusal(request: AppendRequest): AppendResult | undefined {
  try {
    checkAppend(request)
    return undefined
  } catch (error) {
    if (DacapoError.is(error)) return { kind: 'refused', error }
    throw error
  }
}

const bytesOf = ({ events }: AppendRequest): number => events.reduce((sum, { data, metadata }) => sum + data.length + metadata.length, 0)

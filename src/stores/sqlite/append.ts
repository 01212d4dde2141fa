/** Appends: requests become pieces of work for the group commit. */
import { appendInGroups, lostTogether, refusalOfShape, sizeOf } from '../../core/append-groups.ts'
import type { AppendRequest, AppendResult } from '../../core/event-store.ts'
import { accept, explain } from './accept.ts'
import type { Batch } from './batch.ts'
import type { GroupCommit, Work } from './group-commit.ts'

/** Submits requests and puts their results in order. */
export function append(commit: GroupCommit, requests: readonly AppendRequest[]): Promise<readonly AppendResult[]> {
  return appendInGroups(requests, (group) => commit.submit(group.length === 1 ? single(group[0] as AppendRequest) : together(group)))
}

/** A request in a transaction that somebody else commits. */
export function appendInside(batch: Batch, request: AppendRequest): AppendResult {
  return refusalOfShape(request) ?? guarded(batch, request)
}

function single(request: AppendRequest): Work<readonly AppendResult[]> {
  return {
    bytes: sizeOf([request]),
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
    bytes: sizeOf(requests),
    guarded: true,
    run(batch) {
      const answers = requests.map((request) => guarded(batch, request))
      const lost = lostTogether(answers)
      if (lost) throw new GroupLost(lost)
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

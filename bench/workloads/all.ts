/** Every workload, in the order of the table. */
import { appendWorkloads } from './append.ts'
import { commandWorkloads } from './command.ts'
import { followWorkloads } from './follow.ts'
import { growingLogWorkloads } from './growing-log.ts'
import { hotStream } from './hot-stream.ts'
import { loadSnapshotWorkloads } from './load-snapshot.ts'
import { millionRead } from './million-read.ts'
import { readWorkloads } from './read.ts'
import type { Workload } from './workload.ts'

export const workloads: readonly Workload[] = [
  ...appendWorkloads,
  ...commandWorkloads,
  hotStream,
  ...readWorkloads,
  ...loadSnapshotWorkloads,
  ...followWorkloads,
  ...growingLogWorkloads,
  millionRead,
]

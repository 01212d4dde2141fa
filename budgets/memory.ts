/** What the heap is asked for. Each figure comes from a process of its own, so that nobody's heap or optimised code is in it. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Allocations } from './memory/allocations-per-command.ts'
import type { HeapPerAggregate } from './memory/heap-per-aggregate.ts'

/** How many bytes of heap a stream holds. */
export function heapPerAggregate(): HeapPerAggregate {
  return run('heap-per-aggregate.ts', [], ['--expose-gc'])
}

/** What one warm command allocates on a store, and where. */
export function allocationsPerCommand(store: 'memory' | 'sqlite'): Allocations {
  return run('allocations-per-command.ts', [store])
}

/** Always with the same flags: with a single thread, code is optimised after the same calls in each run. */
function run<T>(program: string, args: readonly string[], flags: readonly string[] = []): T {
  const { NODE_V8_COVERAGE: _coverage, NODE_OPTIONS: _options, ...env } = process.env
  const command = ['--single-threaded', ...flags, join(import.meta.dirname, 'memory', program), ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8', env })
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}

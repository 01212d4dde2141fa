/** Killing a process proves nothing about durability: the system's cache survives it. So the syncs are watched themselves. */
import { spawnSync } from 'node:child_process'
import { readFileSync, realpathSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { judgeTrace, type Verdict } from './judge-trace.ts'
import type { SyncOrders } from './sync-worker.ts'
import { readTrace } from './trace.ts'
import { findTracer } from './tracers.ts'

export interface SyncPlan {
  /** Writes with synchronous = OFF, which the check must find out. */
  readonly control?: boolean
  /** Default: the first that works. */
  readonly tracer?: string | undefined
}

export interface SyncFinding extends Verdict {
  readonly tracer: string
  readonly control: boolean
}

const rounds = 50

/** @throws UsageError nothing on this machine can trace. */
export async function syncCampaign({ control = false, tracer: name }: SyncPlan): Promise<SyncFinding> {
  const folder = realpathSync(await mkdtemp(join(tmpdir(), 'dacapo-syncs-'))) // a trace has the real paths
  const [db, marks, trace] = ['bank.db', 'marks.log', 'trace.log'].map((file) => join(folder, file)) as [string, string, string]
  try {
    const tracer = findTracer(name, folder, trace)
    const orders: SyncOrders = { db, marks, rounds, synchronousOff: control }
    const [command, ...args] = [...tracer.command, process.execPath, join(import.meta.dirname, 'sync-worker.ts'), JSON.stringify(orders)]
    const { status, stderr } = spawnSync(command as string, args, {
      env: { ...process.env, ...tracer.env },
      encoding: 'utf8',
      timeout: 60_000,
      killSignal: 'SIGKILL',
    })
    if (status !== 0) throw new Error(`The worker ended with ${status}: ${stderr}`)
    return { tracer: tracer.name, control, ...judgeTrace(readTrace(readFileSync(trace, 'utf8')), `${db}-wal`, marks) }
  } finally {
    await rm(folder, { recursive: true })
  }
}

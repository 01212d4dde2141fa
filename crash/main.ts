/**
 * Processes that write are killed at random moments, at least a hundred times; then everything is checked.
 *
 *   npm run crash
 *   npm run crash -- --help
 */
import { explain } from '../examples/bank/job/explain.ts'
import { say } from '../examples/bank/show/terminal.ts'
import { campaign } from './campaign.ts'
import { help, type Options, readOptions } from './options.ts'
import { showFinding, showProgress, showSyncs } from './show.ts'
import { syncCampaign } from './syncs/sync-campaign.ts'
import { runSystem } from './system/run.ts'

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort())

try {
  process.exitCode = await main(readOptions(process.argv.slice(2)))
} catch (error) {
  if (interrupted.signal.aborted) {
    console.error('Stopped; nothing was checked.')
    process.exitCode = 130
  } else {
    console.error(explain(error))
    process.exitCode = 1
  }
}

async function main({ rounds, writers, seed, syncs, control, tracer, system, help: wanted }: Options): Promise<number> {
  if (wanted) {
    console.log(help)
    return 0
  }
  let failed = false
  if (system) {
    failed = await runSystem(system, seed, interrupted.signal)
  } else if (syncs) {
    const finding = await syncCampaign({ control: control === 'synchronous-off', tracer })
    showSyncs(finding)
    failed = finding.problems.length > 0
  } else {
    for (const count of writers) {
      const progress = showProgress(rounds)
      const plan = { rounds, writers: count, seed, earlyAck: control === 'early-ack', signal: interrupted.signal }
      const finding = await campaign({ ...plan, onRound: progress.update }).finally(progress.stop)
      showFinding(finding)
      failed ||= finding.problems.length > 0
    }
  }
  say('')
  return failed ? 1 : 0
}

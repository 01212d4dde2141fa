/** What the person at the terminal sees: how far a campaign is, and what it came to. */
import { newBar } from '../examples/bank/show/bar.ts'
import { paint, say } from '../examples/bank/show/terminal.ts'
import type { Finding } from './campaign.ts'
import type { SyncFinding } from './syncs/sync-campaign.ts'

const number = (value: number) => value.toLocaleString('en')

export function showProgress(rounds: number) {
  if (!process.stdout.isTTY) return { update: () => {}, stop: () => {} }
  const facts = (kills: number, acknowledged: number) => ({ facts: `${kills}/${rounds} kills · ${number(acknowledged)} acknowledged` })
  const bar = newBar({ clears: true })
  bar.start(rounds, 0, facts(0, 0))
  return {
    update: (kills: number, acknowledged: number) => bar.update(kills, facts(kills, acknowledged)),
    stop: () => bar.stop(),
  }
}

export function showFinding({ plan, kills, killsAtWork, acknowledged, events, problems, seconds, folder }: Finding): void {
  const writers = plan.writers === 1 ? '1 writer' : `${plan.writers} writers`
  const control = plan.earlyAck ? ', acknowledging before the commit' : ''
  say(
    '',
    paint.bold(`${writers} on one file${control}`),
    `${number(kills)} kills, ${number(killsAtWork)} of them in the middle of work`,
    `${number(acknowledged)} acknowledged, ${number(events)} events`,
    `${seconds.toFixed(1)} s, seed ${plan.seed}`,
  )
  if (problems.length === 0) say(paint.green('✔ each acknowledged command is there once; log, views and file are sound'))
  else showProblems(problems)
  if (folder) say(`The file is kept in ${folder}.`)
  if (plan.earlyAck) sayControl(problems)
}

export function showSyncs({ tracer, control, acknowledged, syncs, problems }: SyncFinding): void {
  say(
    '',
    paint.bold(`Syncs of the disk, seen by ${tracer}${control ? ', with synchronous = OFF' : ''}`),
    `${number(acknowledged)} commands acknowledged one by one, ${number(syncs)} syncs of the write-ahead log`,
  )
  if (problems.length === 0) say(paint.green('✔ at least one between the start and the acknowledgement of each; nothing unsynced at any'))
  else showProblems(problems)
  if (control) sayControl(problems)
}

export function showProblems(problems: readonly string[]): void {
  for (const problem of problems) say(paint.red(`✖ ${problem}`))
}

export function sayControl(problems: readonly string[]): void {
  say(paint.dim(problems.length > 0 ? 'It is a control: it fails as it must.' : 'It is a control and has passed: the check sees nothing.'))
}

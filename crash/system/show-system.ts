/** What the person at the terminal sees of a campaign on the running system. */
import { SingleBar } from 'cli-progress'
import { paint, say } from '../../examples/bank/show/terminal.ts'
import { sayControl, showProblems } from '../show.ts'
import { processes, type SystemFinding, type SystemProgress } from './campaign.ts'
import type { Place } from './places.ts'

const number = (value: number) => value.toLocaleString('en')

/** A bar in a terminal; elsewhere a line now and then. */
export function showSystemProgress(seconds: number) {
  const factsOf = (progress: SystemProgress) => `${Math.floor(progress.seconds)} s · ${number(progress.faults)} faults · ${progress.phase}`
  if (!process.stdout.isTTY) return { update: lines(factsOf), stop: () => {} }
  const bar = new SingleBar({
    format: `  ${paint.cyan('{bar}')} {facts}`,
    barsize: 30,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    stream: process.stdout,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false, // Ctrl-C is the campaign's own business
  })
  bar.start(seconds, 0, { facts: 'starting' })
  return {
    update: (progress: SystemProgress) => bar.update(Math.min(seconds, progress.seconds), { facts: factsOf(progress) }),
    stop: () => bar.stop(),
  }
}

function lines(factsOf: (progress: SystemProgress) => string) {
  let [phase, shownAt] = ['', 0]
  return (progress: SystemProgress) => {
    if (progress.phase === phase && progress.seconds < shownAt + 10) return
    phase = progress.phase
    shownAt = progress.seconds
    say(paint.dim(factsOf(progress)))
  }
}

/** @param kept  what is still there afterwards. */
export function showSystemFinding(finding: SystemFinding, place: Place, kept: readonly string[]): void {
  const { plan, faults, lives, events, requests, transfers, deliveries, handedOver, lost, rebuilds, answeredAgain } = finding
  const { restSeconds, seconds, problems } = finding
  const injected = Object.entries(faults).map(([kind, count]) => `${number(count)} × ${kind}`)
  say(
    '',
    paint.bold(`${processes} processes of a bank on one ${place.kind} store${plan.break ? `, with ${plan.break} broken` : ''}`),
    `${number(Object.values(faults).reduce((sum, one) => sum + one, 0))} faults: ${injected.join(', ')}; ${number(lives)} starts`,
    `${number(requests)} requests, ${number(events)} events, handled ${number(deliveries)} times`,
    `transfers: ${number(transfers.completed)} completed, ${number(transfers.failed)} failed, ${number(transfers.timedOut)} of them in time-outs`,
    `${number(handedOver)} parts handed over, ${number(lost)} leases found to be lost, ${number(answeredAgain)} commands sent again and answered`,
    `${number(rebuilds.ended)} rebuilds of a view, ${number(rebuilds.resumed)} of them gone on with by another process`,
    `${seconds.toFixed(1)} s, ${restSeconds.toFixed(1)} of them to come to rest; seed ${plan.seed}`,
  )
  if (problems.length > 0) showProblems(problems)
  else say(paint.green('✔ money, transfers, views and handled events are what the log says; nothing was missed or done twice'))
  if (kept.length > 0) say(`It is kept: ${kept.join(' and ')}.`)
  if (plan.break) sayControl(problems)
}

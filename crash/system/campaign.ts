/** A campaign on the running system: processes of a bank are killed, frozen and cut off for a time; then everything is checked. */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createApp } from 'dacapo'
import { openAccount } from '../../examples/bank/domain/commands.ts'
import { accounts, commands, rewards, teller } from './bank.ts'
import type { Break } from './broken-stores.ts'
import { check } from './check.ts'
import { comeToRest } from './come-to-rest.ts'
import { gather, keep, linesOf } from './evidence.ts'
import { type Fault, type FaultKind, faultsOf, onFiles, onServers } from './faults.ts'
import { handoversOf } from './handovers.ts'
import { Member } from './member.ts'
import type { Place } from './places.ts'

export interface SystemPlan {
  /** How long there are faults. */
  readonly seconds: number
  readonly seed: number
  readonly break?: Break | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: (progress: SystemProgress) => void
}

export interface SystemProgress {
  readonly seconds: number
  readonly faults: number
  readonly phase: 'faults' | 'coming to rest' | 'checking'
}

export interface SystemFinding {
  readonly plan: SystemPlan
  /** Those that have hit something. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>
  /** Starts of processes. */
  readonly lives: number
  readonly events: number
  readonly requests: number
  readonly transfers: { readonly completed: number; readonly failed: number; readonly timedOut: number }
  /** How often the handler was given an event. */
  readonly deliveries: number
  /** How often a part has got another owner, and how often the one before found out by being refused. */
  readonly handedOver: number
  readonly lost: number
  /** How often a view was built anew while this went on, and how often another process has gone on with that. */
  readonly rebuilds: { readonly ended: number; readonly resumed: number }
  /** Commands of the process manager that were sent again, and answered instead of executed. */
  readonly answeredAgain: number
  readonly restSeconds: number
  readonly seconds: number
  readonly problems: readonly string[]
}

export const processes = 3

/** How long it may take to come to rest: only what never does ends here. What is broken often never does. */
const patienceMs = 120_000
const brokenPatienceMs = 10_000

export async function systemCampaign(place: Place, plan: SystemPlan): Promise<SystemFinding> {
  const { seed, seconds, signal, onProgress } = plan
  const started = performance.now()
  const elapsed = () => (performance.now() - started) / 1000
  const at = (name: string) => join(place.folder, name)
  const journals = Array.from({ length: processes }, (_, i) => at(`client-${i + 1}.log`))
  const [witnessed, signals] = [at('witnessed.log'), at('signals.log')]
  const members = journals.map(
    (journal, i) => new Member({ store: place.kind, at: place.at(i), seed, client: i + 1, journal, witnessed, signals, break: plan.break }),
  )
  const store = place.open()
  const faults: Partial<Record<FaultKind, number>> = {}
  const problems: string[] = []
  let count = 0
  /** A fault is one when it has hit something: not whatever was planned has happened. */
  function hit(kind: FaultKind): void {
    faults[kind] = (faults[kind] ?? 0) + 1
    count++
  }
  const progress = (phase: SystemProgress['phase']) => onProgress?.({ seconds: elapsed(), faults: count, phase })

  try {
    await openAccounts()
    for (const member of members) member.start()
    for (const member of members) await member.started(signal)
    await injectFaults()
    progress('coming to rest')
    const resting = performance.now()
    await Promise.all(members.map((member) => member.rest()))
    problems.push(
      ...(await comeToRest(store, plan.break ? brokenPatienceMs : patienceMs, signal)).map((what) => `it did not come to rest: ${what}`),
    )
    const restSeconds = (performance.now() - resting) / 1000
    // Before they end: who does hands his parts over, too.
    const said = Map.groupBy(linesOf(signals), (line) => line.split(' ')[0])
    const { handedOver, resumed } = handoversOf(said.get('part') ?? [])
    await Promise.all(members.map((member) => member.stop()))
    progress('checking')
    const evidence = await gather(store, { seed, journals, witnessed })
    problems.push(...members.flatMap((member) => member.problems), ...check(evidence))
    if (problems.length > 0) await keep(evidence, at('evidence.json'))
    const ofType = (name: string) => evidence.log.filter(({ type }) => type === name)
    const failed = ofType('TransferFailed')
    return {
      plan,
      faults,
      lives: members.reduce((sum, { lives }) => sum + lives, 0),
      events: evidence.log.length,
      requests: evidence.asked.length,
      transfers: {
        completed: ofType('TransferCompleted').length,
        failed: failed.length,
        timedOut: failed.filter(({ data }) => data.why === 'timed out').length,
      },
      deliveries: evidence.delivered.length,
      handedOver,
      lost: said.get('lost')?.length ?? 0,
      rebuilds: { ended: said.get('rebuilt')?.length ?? 0, resumed },
      answeredAgain: said.get('answered')?.length ?? 0,
      restSeconds,
      seconds: elapsed(),
      problems,
    }
  } finally {
    await Promise.all(members.map((member) => member.end()))
    await store.close()
  }

  async function openAccounts(): Promise<void> {
    const bank = createApp({ store, commands })
    for (const accountId of [...accounts, rewards]) await bank.execute(openAccount({ accountId, owner: 'ann' }), { actor: teller })
  }

  /** As planned, each at its time, whatever the others are still doing. */
  async function injectFaults(): Promise<void> {
    const underWay = new Set<Promise<unknown>>()
    const began = performance.now()
    for (const fault of faultsOf(seed, processes, place.spoil ? onServers : onFiles)) {
      if (fault.atMs > seconds * 1000) break
      for (let left = 1; left > 0; ) {
        progress('faults')
        left = fault.atMs - (performance.now() - began)
        if (left > 0) await pause(Math.min(left, 500), undefined, { signal })
      }
      const injected: Promise<unknown> = inject(fault, members[fault.victim] as Member)
        .catch((error) => void problems.push(`a fault (${fault.kind}) could not be made: ${error}`))
        .finally(() => underWay.delete(injected))
      underWay.add(injected)
    }
    await Promise.all(underWay)
  }

  async function inject({ kind, victim, forMs, isFatal }: Fault, member: Member): Promise<void> {
    if (kind === 'kill') {
      if (await member.kill()) hit(kind)
      await pause(forMs)
      member.start()
    } else if (kind === 'freeze' || kind === 'long freeze') {
      if (member.freeze()) hit(kind)
      await pause(forMs)
      if (!isFatal) return member.wake()
      await member.kill()
      member.start()
    } else await place.spoil?.(victim, kind, () => hit(kind))
  }
}

/** Everything that can be wrong with the bank when it has come to rest. Judges evidence only, so that a test can forge it. */

import { some } from '../some.ts'
import { rewards } from './bank.ts'
import type { Evidence, LogEvent } from './evidence.ts'
import { largeAmount } from './transfers.ts'

export function check(evidence: Evidence): readonly string[] {
  const problems = [
    ...checkLog(evidence),
    ...checkTransfers(evidence),
    ...checkAnswers(evidence),
    ...checkApprovals(evidence),
    ...checkMoney(evidence),
    ...checkViews(evidence),
    ...checkDeliveries(evidence),
    some(evidence.given, 'dead letters, stuck processes and holes'),
  ]
  return problems.filter((problem) => problem !== undefined)
}

type Problems = readonly (string | undefined)[]

/** Versions of a stream are 1, 2, 3 … in the order of positions, which go up. */
function checkLog({ log }: Evidence): Problems {
  const versions = new Map<string, number>()
  const gaps = log.filter(({ stream, version }) => {
    const expected = (versions.get(stream) ?? 0) + 1
    versions.set(stream, version)
    return version !== expected
  })
  const wrong = log.filter(({ position }, i) => position <= (log[i - 1]?.position ?? 0))
  return [
    some(gaps.map(nameOf), 'events do not follow the version before theirs'),
    some(wrong.map(nameOf), 'events do not come after the one before them'),
  ]
}

/** What can come of a transfer, by its events. */
const ends: Readonly<Record<string, readonly string[]>> = {
  completed: ['MoneyWithdrawn', 'arrived', 'TransferCompleted', 'rewarded'],
  'given back': ['MoneyWithdrawn', 'given back', 'TransferFailed'],
  refused: ['TransferFailed'],
}

/**
 * Each transfer is completed, a large one only when somebody has approved it, or everything of it was taken back; each of its steps was
 * done once. Everything else is a deposit.
 */
function checkTransfers({ log, asked }: Evidence): Problems {
  const known = new Set(asked.map(({ request }) => request.key))
  const unfinished: string[] = []
  const repeated: string[] = []
  const other: string[] = []
  const unapproved: string[] = []
  for (const [key, events] of byKey(log)) {
    if (!known.has(key)) continue
    const steps = events.map(stepOf)
    const isTransfer = steps.includes('TransferRequested')
    if (!isTransfer) {
      if (steps.length > 1) repeated.push(`${key}: ${steps.join(', ')}`)
      continue
    }
    const own = steps.filter((step) => step !== 'TransferRequested' && step !== 'TransferApproved')
    if (new Set(steps).size < steps.length) repeated.push(`${key}: ${steps.join(', ')}`)
    else if (!own.includes('TransferCompleted') && !own.includes('TransferFailed')) unfinished.push(`${key}: ${steps.join(', ')}`)
    else if (steps.includes('TransferCompleted') && isLarge(events) && !steps.includes('TransferApproved')) unapproved.push(key)
    else if (!Object.values(ends).some((end) => sameSteps(end, own))) other.push(`${key}: ${steps.join(', ')}`)
  }
  return [
    some(repeated, 'requests were carried out more than once'),
    some(unfinished, 'transfers have no end'),
    some(other, 'transfers are neither complete nor taken back'),
    some(unapproved, 'large transfers were completed without an approval'),
  ]
}

const isLarge = (events: readonly LogEvent[]) =>
  events.some(({ type, data }) => type === 'TransferRequested' && (data.amount ?? 0) >= largeAmount)

function stepOf({ type, stream, data }: LogEvent): string {
  if (type !== 'MoneyDeposited') return type
  if (stream === `account-${rewards}`) return 'rewarded'
  return data.transferId === undefined ? 'given back' : 'arrived'
}

const sameSteps = (left: readonly string[], right: readonly string[]) => left.toSorted().join() === right.toSorted().join()

/** What was told to a client is in the log, and what was asked was told. */
function checkAnswers({ log, asked }: Evidence): Problems {
  const types = new Map([...byKey(log)].map(([key, events]) => [key, new Set(events.map(({ type }) => type))]))
  const first = { Deposit: 'MoneyDeposited', RequestTransfer: 'TransferRequested', ApproveTransfer: 'TransferApproved' } as const
  const has = (key: string, type: string) => types.get(key)?.has(type) === true
  const named = (which: Evidence['asked']) => which.map(({ request, told }) => `${request.command} ${request.key} ${told ?? ''}`)
  const lost = asked.filter(({ request, told }) => told === 'accepted' && !has(request.key, first[request.command]))
  // Only an approval may be too late. Any other "no" is told of something that was forgotten.
  const wrong = asked.filter(({ request, told }) => told?.startsWith('rejected') && request.command !== 'ApproveTransfer')
  return [
    some(named(lost), 'requests were accepted and are lost'),
    some(named(wrong), 'requests were answered with a "no" that does not concern them'),
    some(named(asked.filter(({ told }) => told === undefined)), 'requests have no answer'),
  ]
}

/** Each approval that a client was told of is in the log, once, and no other. */
function checkApprovals({ log, asked }: Evidence): Problems {
  const inLog = Map.groupBy(
    log.filter(({ type }) => type === 'TransferApproved'),
    ({ correlationId }) => correlationId,
  )
  const accepted = Map.groupBy(
    asked.filter(({ request, told }) => request.command === 'ApproveTransfer' && told === 'accepted'),
    ({ request }) => request.key,
  )
  const differing = [...new Set([...inLog.keys(), ...accepted.keys()])].flatMap((key) => {
    const [count, found] = [accepted.get(key)?.length ?? 0, inLog.get(key)?.length ?? 0]
    return count === found ? [] : [`${key} ${found} of ${count}`]
  })
  return [some(differing, 'transfers have other approvals in the log than clients were told of')]
}

/** What clients were told that they have paid in is there, with a cent for each transfer that was completed, and none of it is on its way. */
function checkMoney({ log, asked, balances }: Evidence): Problems {
  const inLog = [...foldAccounts(log).values()].reduce((sum, one) => sum + one.sum, 0)
  const inView = [...balances.values()].reduce((sum, one) => sum + one, 0)
  const deposits = asked.filter(({ request, told }) => request.command === 'Deposit' && told === 'accepted')
  const rewarded = log.filter(({ type }) => type === 'TransferCompleted').length
  const paidIn = deposits.reduce((sum, { request }) => sum + (request.input.amount ?? 0), rewarded)
  return [
    inLog === paidIn ? undefined : `${paidIn} were paid in, but accounts have ${inLog}`,
    inView === paidIn ? undefined : `${paidIn} were paid in, but the rows of accounts say ${inView}`,
  ]
}

/** Every row is the fold of the log, and what a rebuild comes to. */
function checkViews({ log, balances, sums, differing: notAsRebuilt, tallies }: Evidence): Problems {
  const folded = foldAccounts(log)
  const accounts = [...new Set([...folded.keys(), ...balances.keys(), ...sums.keys()])]
  const nothing = { sum: 0, count: 0 }
  const differing = accounts.flatMap((account) => {
    const { sum, count } = folded.get(account) ?? nothing
    const found = sums.get(account) ?? nothing
    return sum === found.sum && count === found.count ? [] : [`${account} ${found.sum} of ${sum}, after ${found.count} of ${count} events`]
  })
  const miscounted = ['TransferRequested', 'TransferCompleted', 'TransferFailed'].flatMap((name) => {
    const [count, found] = [log.filter(({ type }) => type === name).length, tallies.get(name) ?? 0]
    return count === found ? [] : [`${name} ${found} of ${count}`]
  })
  return [
    some(
      accounts.filter((account) => (balances.get(account) ?? 0) !== (folded.get(account)?.sum ?? 0)),
      'rows of the transactional view differ from the log',
    ),
    some(differing, 'rows of the async view differ from the log'),
    some(miscounted, 'rows of the table differ from the log'),
    some(notAsRebuilt, 'rows of the async view differ from a rebuild'),
  ]
}

function foldAccounts(log: readonly LogEvent[]): ReadonlyMap<string, { readonly sum: number; readonly count: number }> {
  const accounts = new Map<string, { sum: number; count: number }>()
  for (const { type, stream, data } of log) {
    if (type !== 'MoneyDeposited' && type !== 'MoneyWithdrawn') continue
    const account = stream.slice('account-'.length)
    const { sum, count } = accounts.get(account) ?? { sum: 0, count: 0 }
    accounts.set(account, { sum: sum + (type === 'MoneyDeposited' ? 1 : -1) * (data.amount ?? 0), count: count + 1 })
  }
  return accounts
}

/** The handler was given every event, and nothing else; those of a stream came in their order when they came first. */
function checkDeliveries({ log, delivered }: Evidence): Problems {
  const given = new Set(delivered.map(({ id }) => id))
  const known = new Set(log.map(({ id }) => id))
  const reached = new Map<string, number>()
  const early = delivered.filter(({ stream, version }) => {
    const before = reached.get(stream) ?? 0
    reached.set(stream, Math.max(before, version))
    return version > before + 1
  })
  return [
    some(log.filter(({ id }) => !given.has(id)).map(nameOf), 'events were never handled'),
    some(delivered.filter(({ id }) => !known.has(id)).map(nameOf), 'events were handled that are not in the log'),
    some(early.map(nameOf), 'events were handled before the one before them in their stream'),
  ]
}

const byKey = (log: readonly LogEvent[]) => Map.groupBy(log, ({ correlationId }) => correlationId)

const nameOf = ({ stream, version }: Pick<LogEvent, 'stream' | 'version'>) => `${stream} ${version}`

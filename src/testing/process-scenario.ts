/**
 * Given events, then commands and timers: a process manager without the rest of its app.
 *
 * The process runs as it does in the engine, on a store of its own. Only whoever would execute its commands is missing: they are
 * accepted, except for the one that the scenario has rejected.
 */
import type { AnyCall, AnyCommand, CallOf, RejectionOf } from '../core/command.ts'
import { type Duration, toMs } from '../core/duration.ts'
import { fromJson } from '../core/json.ts'
import type { AnyProcessManager } from '../core/process-manager.ts'
import type { Rejection } from '../core/rejection.ts'
import type { WorkRecord } from '../core/work-store.ts'
import type { Instance, KeptCommand } from '../runtime/process/instance.ts'
import { instanceKind } from '../runtime/process/known-instances.ts'
import { processConsumer } from '../runtime/process/process-consumer.ts'
import { timerKind } from '../runtime/process/timer-records.ts'
import { slotOf } from '../runtime/subscription/slots.ts'
import { memory } from '../stores/memory/index.ts'
import { fail, textOf } from './expectation.ts'
import { type GivenEvent, recorderOf, start } from './given-events.ts'
import { testClock } from './test-clock.ts'

/** What a process should have come to; of commands, what it has sent since the last `when…`, or since the beginning. */
export interface ThenCommands {
  /** Exactly these commands, in this order, those that take something back included. */
  thenCommands(...calls: readonly AnyCall[]): Promise<void>
  /** Exactly these timers are set, and fire after these durations from now. */
  thenTimers(timers: Readonly<Record<string, Duration>>): Promise<void>
  /** The state of the instance. */
  thenState(state: unknown): Promise<void>
  /** The instance has ended. */
  thenCompleted(): Promise<void>
  /** The instance is stuck; `reason` is a part of why. */
  thenStuck(reason?: string): Promise<void>
}

/** What happens next. */
export interface ProcessScenarioSteps extends ThenCommands {
  /** More events. */
  when(...events: readonly GivenEvent[]): ProcessScenarioSteps
  /** The first command of this kind that the last event, or timer, has led to is rejected instead of accepted. */
  whenRejected<C extends AnyCommand>(command: C, rejection: Refusal<RejectionOf<CallOf<C>>>): ProcessScenarioSteps
  /** So much time goes by that this timer fires. */
  whenTimeout(name: string): ProcessScenarioSteps
}

/** A rejection, as `reject` makes it, or its code alone where it has no details. */
export type Refusal<X extends Rejection> = X extends Rejection ? X | (undefined extends X['details'] ? X['code'] : never) : never

/** A test of a process manager. */
export interface ProcessScenario {
  given(...events: readonly GivenEvent[]): ProcessScenarioSteps
}

interface Refused {
  readonly command: string
  readonly rejection: Rejection
}

type Step =
  | { readonly do: 'events'; readonly events: readonly GivenEvent[]; readonly isNew: boolean }
  | ({ readonly do: 'reject' } & Refused)
  | { readonly do: 'timeout'; readonly name: string }

interface Result {
  readonly sent: readonly KeptCommand[]
  readonly timers: Readonly<Record<string, number>>
  readonly instance: Instance | undefined
}

export function processScenario(process: AnyProcessManager, past: readonly GivenEvent[]): ProcessScenarioSteps {
  return stepsOf(process, [{ do: 'events', events: past, isNew: false }])
}

function stepsOf(process: AnyProcessManager, steps: readonly Step[]): ProcessScenarioSteps {
  let result: Promise<Result> | undefined
  const run = (): Promise<Result> => {
    result ??= runSteps(process, steps)
    return result
  }
  const otherwise = (expected: string, actual: string) => fail(process.name, expected, actual)
  return {
    when: (...events) => stepsOf(process, [...steps, { do: 'events', events, isNew: true }]),
    whenRejected: ({ command }, refusal) => {
      const rejection = typeof refusal === 'string' ? ({ kind: 'rejection', code: refusal, details: undefined } as const) : refusal
      return stepsOf(process, [...steps, { do: 'reject', command, rejection }])
    },
    whenTimeout: (name) => stepsOf(process, [...steps, { do: 'timeout', name }]),
    async thenCommands(...calls) {
      const { sent, instance } = await run()
      const [expected, actual] = [textOfCommands(calls), textOfCommands(sent)]
      if (expected !== actual) otherwise(`commands ${expected}`, `commands ${actual}${whyStuck(instance)}`)
    },
    async thenTimers(timers) {
      const { timers: actual } = await run()
      const expected = Object.fromEntries(Object.entries(timers).map(([name, after]) => [name, toMs(after, `timer ${name}`)]))
      if (textOf('', expected) !== textOf('', actual)) otherwise(`timers ${textOfTimers(expected)}`, `timers ${textOfTimers(actual)}`)
    },
    async thenState(state) {
      const { instance } = await run()
      if (textOf('', instance?.state) !== textOf('', state)) otherwise(`state${textOf('', state)}`, `state${textOf('', instance?.state)}`)
    },
    async thenCompleted() {
      const { instance } = await run()
      if (instance?.status !== 'completed') otherwise('to be completed', statusOf(instance))
    },
    async thenStuck(reason = '') {
      const { instance } = await run()
      const isAsExpected = instance?.status === 'stuck' && whyStuck(instance).includes(reason)
      if (!isAsExpected) otherwise(`to be stuck${reason && `: ${reason}`}`, statusOf(instance))
    },
  }
}

async function runSteps(process: AnyProcessManager, steps: readonly Step[]): Promise<Result> {
  const clock = testClock(start)
  const store = memory({ clock })
  const owner = `process:${process.name}`
  const record = recorderOf(process.events)
  const types = new Set(process.events.map(({ type }) => type))
  const sent: KeptCommand[] = []
  /** What is to be rejected, in this order. */
  let refused: Refused[] = []
  let last: { readonly tenant: string; readonly key: string } | undefined

  const send = async (_: string, __: string, { command, input }: KeptCommand) => {
    if (refused[0]?.command === command) {
      const { rejection } = refused.shift() as Refused
      sent.length = 0
      return { ok: false as const, rejection, duplicate: false }
    }
    sent.push({ command, input })
    return { ok: true as const, receipt: { events: [], version: 0, position: 0, duplicate: false } }
  }
  const persistence = { attempts: 1, pauseMs: () => 0, whenExhausted: 'dead-letter' as const }
  const consumer = processConsumer(
    process,
    owner,
    { store, clock, persistence, send, withdraw: async () => undefined, tell: undefined, tracing: undefined },
    {
      part: '0/1',
      slots: { from: 0, to: 63 },
      lease: { subscription: owner, part: '0/1', epoch: 1 },
      stopping: new AbortController().signal,
      commit: async (gathered) => {
        const [answer] = await store.work.commit([gathered])
        if (answer?.kind === 'refused') throw answer.error
      },
    },
  )
  const timers = () => store.work.records({ kind: timerKind, owner, dueTo: Number.MAX_SAFE_INTEGER, limit: 1000 })

  async function handle(given: GivenEvent, rejected: Refused[]): Promise<void> {
    const events = record(given).filter(({ recorded }) => types.has(recorded.type))
    for (const [i, { recorded: event }] of events.entries()) {
      for (const key of consumer.keysOf(event)) {
        last = { tenant: event.tenant, key }
        const batch = await consumer.begin([{ event, key, slot: slotOf(event.tenant, key), attempt: 1 }])
        await batch.handle({ event, key, slot: slotOf(event.tenant, key), attempt: 1 })
        await store.work.commit([batch.gathered()])
        if (i === events.length - 1) refused = rejected
        await batch.committed?.()
      }
    }
  }

  async function fire(name: string, rejected: Refused[]): Promise<void> {
    const timer = (await timers()).find((one) => nameOf(one) === name)
    if (!timer) fail(process.name, `a timer ${name} to fire`, `timers ${textOfTimers(timersOf(await timers(), clock.now()))}`)
    refused = rejected
    clock.set(new Date(timer.dueAt as number))
    await consumer.due?.(Number.MAX_SAFE_INTEGER, () => false)
  }

  for (const [i, step] of steps.entries()) {
    if (step.do === 'reject') continue
    const end = steps.findIndex((one, at) => at > i && one.do !== 'reject')
    const rejected = steps.slice(i + 1, end < 0 ? steps.length : end) as Refused[]
    if (step.do === 'timeout' || step.isNew) sent.length = 0
    if (step.do === 'timeout') await fire(step.name, rejected)
    else for (const [n, event] of step.events.entries()) await handle(event, n === step.events.length - 1 ? rejected : [])
    const [left] = rejected
    if (left) fail(process.name, `${left.command} to be sent, so that it can be rejected`, `commands ${textOfCommands(sent)}`)
  }
  const found = last && (await store.work.record({ kind: instanceKind, owner, ...last }))
  return { sent, timers: timersOf(await timers(), clock.now()), instance: found && (fromJson(found.body) as Instance) }
}

function timersOf(records: readonly WorkRecord[], now: number): Readonly<Record<string, number>> {
  return Object.fromEntries(records.map((one) => [nameOf(one), (one.dueAt as number) - now]))
}

const nameOf = ({ body }: WorkRecord): string => (fromJson(body) as { readonly name: string }).name

function textOfCommands(commands: readonly { readonly command: string; readonly input: unknown }[]): string {
  return commands.length === 0 ? 'none' : commands.map(({ command, input }) => textOf(command, input)).join(', ')
}

function textOfTimers(timers: Readonly<Record<string, number>>): string {
  const list = Object.entries(timers).map(([name, ms]) => `${name} after ${ms} ms`)
  return list.length === 0 ? 'none' : list.join(', ')
}

function statusOf(instance: Instance | undefined): string {
  return instance ? `${instance.status}${whyStuck(instance)}` : 'no instance'
}

function whyStuck(instance: Instance | undefined): string {
  if (instance?.status !== 'stuck') return ''
  const { name, reason } = instance.timeline.findLast(({ what }) => what === 'stuck') ?? {}
  return `; it is stuck: ${name}: ${reason}`
}

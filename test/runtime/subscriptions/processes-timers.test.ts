/** Timers of process managers that are due together, or wait for something: each fires at its own time, and only while it is set. */
import assert from 'node:assert/strict'
import type { Effect, Reaction } from '../../../src/core/effect.ts'
import { processManager } from '../../../src/index.ts'
import { AccountOpened, openAccount } from '../../domain/bank.ts'
import { type Given, onEveryStore } from '../on-every-store.ts'
import { ann } from '../open-bank.ts'
import { openFollowed } from './follow.ts'

/** An account whose process sets two timers for the same time: the first one reacts as a test says, the second one sets itself again. */
function alarms(
  first: (tools: {
    readonly timeout: (name: 'first' | 'second', after: { readonly minutes: number }) => Effect
    readonly cancel: (name: 'first' | 'second') => Effect
    readonly send: (call: ReturnType<typeof openAccount>) => Effect
    readonly complete: () => Effect
  }) => Reaction,
) {
  const fired: string[] = []
  const process = processManager('alarms', {
    events: [AccountOpened],
    commands: [openAccount],
    correlate: ({ subject }) => subject,
    initial: () => ({ account: '' }),
    evolve: { AccountOpened: (_, { subject }) => ({ account: subject }) },
    on: { AccountOpened: ({ timeout }) => [timeout('first', { minutes: 1 }), timeout('second', { minutes: 1 })] },
    rejected: { OpenAccount: ({ cancel }) => cancel('second') },
    timeouts: {
      first: (tools) => {
        fired.push('first')
        return first(tools)
      },
      second: ({ timeout }) => {
        fired.push('second')
        return timeout('second', { minutes: 1 })
      },
    },
  })
  return { fired, process }
}

/** Opens an account, and lets minutes pass. Returns what has fired after each of them. */
async function minutesOf(given: Given, { fired, process }: ReturnType<typeof alarms>, minutes: number): Promise<readonly string[]> {
  const app = openFollowed(given, { processes: [process] })
  await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
  await app.settle()
  const seen: string[] = []
  for (let minute = 0; minute < minutes; minute++) {
    await given.clock.advance({ minutes: 1 })
    await app.settle()
    seen.push(fired.splice(0).join(' '))
  }
  return seen
}

onEveryStore('of two timers that are due at once, one that the other cancels does not fire', async (given) => {
  assert.deepEqual(
    await minutesOf(
      given,
      alarms(({ cancel }) => cancel('second')),
      3,
    ),
    ['first', '', ''],
  )
})

onEveryStore('of two timers that are due at once, one that the other sets again fires at the later time alone', async (given) => {
  const later = alarms(({ timeout }) => timeout('second', { minutes: 2 }))
  assert.deepEqual(await minutesOf(given, later, 4), ['first', '', 'second', 'second'])
})

onEveryStore('of two timers that are due at once, one that a rejection cancels does not fire', async (given) => {
  const refused = alarms(({ send }) => send(openAccount({ accountId: 'a', owner: 'ann' })))
  assert.deepEqual(await minutesOf(given, refused, 3), ['first', '', ''])
})

onEveryStore('of two timers that are due at once, the second does not fire when the first ends the instance', async (given) => {
  assert.deepEqual(
    await minutesOf(
      given,
      alarms(({ complete }) => complete()),
      3,
    ),
    ['first', '', ''],
  )
})

onEveryStore('two timers that are due at once both fire, and one that sets itself again fires in its rhythm', async (given) => {
  assert.deepEqual(
    await minutesOf(
      given,
      alarms(() => undefined),
      3,
    ),
    ['first second', 'second', 'second'],
  )
})

onEveryStore('a timer that its own reaction sets and cancels again is over', async (given) => {
  const undecided = alarms(({ timeout, cancel }) => [timeout('first', { minutes: 1 }), cancel('first'), cancel('second')])
  assert.deepEqual(await minutesOf(given, undecided, 3), ['first', '', ''])
})

onEveryStore('a timer whose time is no whole number of milliseconds fires', async (given) => {
  const odd = alarms(({ timeout }) => timeout('second', { minutes: 1 / 7 }))
  assert.deepEqual(await minutesOf(given, odd, 2), ['first', 'second'])
})

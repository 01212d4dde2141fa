/** Signals: each one is really sent, with the fields it promises, and whoever watches disturbs nothing. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { onSignals, type Signal, signalNames } from '../../../src/index.ts'
import { testApp } from '../../../src/testing/index.ts'
import { Account, balances, deposit } from '../../domain/bank.ts'
import { onEveryStore } from '../on-every-store.ts'
import { ann, openBank, openWith, payIn, recorder } from '../open-bank.ts'
import { quietly } from '../quietly.ts'
import { everything, following, ring } from './every-signal.ts'
import { assertLike, expected, type Fields } from './expected-signals.ts'

onEveryStore('every signal is sent for real, with exactly the fields that it promises', async (given) => {
  const signals = recorder()
  await everything(given, signals)
  for (const name of signalNames) {
    const [first] = signals.of(name)
    assert.ok(first, `${name} was never sent`)
    assertLike(first as unknown as Fields, expected[name])
  }
  const known: ReadonlySet<string> = new Set(signalNames)
  assert.deepEqual(
    signals.signals.filter(({ signal }) => !known.has(signal)),
    [],
  )
})

onEveryStore('the signals of one command share its execution id, and tell what it came to', async (given) => {
  const signals = recorder()
  await everything(given, signals)
  const stops = signals.of('dispatch.stop').map(({ outcome, duplicate, code, events }) => [outcome, duplicate, code, events])
  assert.deepEqual(stops.slice(0, 5), [
    ['accepted', false, undefined, 1],
    ['accepted', false, undefined, 1],
    ['accepted', true, undefined, 1],
    ['empty', false, undefined, 0],
    ['rejected', false, 'Stuck', 0],
  ])
  const ends = new Set([...signals.of('dispatch.stop'), ...signals.of('dispatch.exception')].map(({ executionId }) => executionId))
  const starts = signals.of('dispatch.start').map(({ executionId }) => executionId)
  assert.deepEqual([...ends].sort(), [...starts].sort())
})

onEveryStore('the signals of a part, of a handling and of an instance come in order, and every start has its end', async (given) => {
  const signals = recorder()
  await quietly(() => following(given, signals))
  const starts = signals.of('subscription.start').map(({ kind, name, part, epoch }) => [kind, name, part, epoch].join())
  const stops = signals.of('subscription.stop').map(({ kind, name, part, epoch }) => [kind, name, part, epoch].join())
  assert.deepEqual(stops.toSorted(), starts.toSorted())
  assert.deepEqual(
    signals.signals.flatMap((one) =>
      'handler' in one && one.handler === 'listener' && one.stream === 'bell-b' ? [one.signal, one.attempt] : [],
    ),
    ['handler.event.start', 1, 'handler.event.exception', 1, 'handler.event.start', 2, 'handler.event.stop', 2],
  )
  const told = signals.signals.filter((one) => 'instance' in one)
  assert.deepEqual(
    told
      .filter(({ instance }) => instance === 'a')
      .map((one) => [one.signal, 'change' in one ? one.change : 'undo' in one ? one.undo : '']),
    [
      ['process.start', ''],
      ['process.timer', 'set'],
      ['process.command', false],
      ['process.timer', 'fired'],
      ['process.compensate', ''],
      ['process.command', true],
      ['process.stop', ''],
    ],
  )
  assert.deepEqual(
    told.filter(({ instance }) => instance === 'c').map((one) => [one.signal, 'outcome' in one ? one.outcome : '']),
    [
      ['process.start', ''],
      ...Array.from({ length: 5 }, () => ['process.command', 'failed']),
      ['process.stuck', ''],
      ['process.act', ''],
      ['process.stop', ''],
    ],
  )
})

onEveryStore('an observer that throws disturbs neither the work nor the other observers', async (given) => {
  const reported = console.error
  let complaints = 0
  console.error = () => void complaints++
  try {
    const seen = recorder()
    const broken = () => {
      throw new Error('the observer broke')
    }
    const bank = openBank(given, { observer: [broken, seen, broken] })
    await openWith(bank, 'a', ...Array.from({ length: 120 }, () => 1))
    await bank.idle()
    assert.equal((await bank.load(Account, 'a')).version, 121)
    assert.equal((await given.store.snapshots.list('', 'account-a')).length, 1)
    await bank.stop({ keepStore: true })
    assert.ok(seen.of('snapshot.save').length === 1 && complaints === seen.signals.length * 2)
  } finally {
    console.error = reported
  }
})

onEveryStore('without an observer no signal is even made: the clock is not asked for durations', async (given) => {
  let asked = 0
  const clock = {
    ...given.clock,
    now: () => {
      asked++
      return given.clock.now()
    },
  }
  const timesOf = async (observer: readonly ((signal: Signal) => void)[]) => {
    const bank = openBank({ ...given, clock }, { observer })
    await openWith(bank, `a${observer.length}`)
    asked = 0
    await payIn(bank, `a${observer.length}`, 1)
    return asked
  }
  const [unwatched, watched] = [await timesOf([]), await timesOf([() => {}])]
  assert.ok(unwatched < watched, `${unwatched} and ${watched}`)
})

onEveryStore('an observer may not stop a command from being answered by executing one itself', async (given) => {
  const paid: Promise<unknown>[] = []
  const bank = openBank(given, {
    observer: (signal) => {
      if (signal.signal === 'dispatch.stop' && signal.command === 'OpenAccount')
        paid.push(bank.execute(deposit({ accountId: 'a', amount: 5 }), { actor: ann }))
    },
  })
  await openWith(bank, 'a')
  await Promise.all(paid)
  assert.equal((await bank.view(balances).get('a'))?.balance, 5)
})

test('the walk has an entry for each member of the Signals interface', async () => {
  const source = readFileSync(new URL('../../../src/core/observer.ts', import.meta.url), 'utf8')
  const body = source.slice(source.indexOf('export interface Signals {'), source.indexOf('/** How full the heap is'))
  const declared = [...body.matchAll(/^ {2}'([a-z.-]+)':/gm)].map(([, name]) => name)
  assert.deepEqual(declared.sort(), [...signalNames].sort())
  assert.deepEqual(Object.keys(expected).sort(), [...signalNames].sort())
})

test('an observer of a prefix is told of those signals alone', async () => {
  const seen: string[] = []
  const attempts: number[] = []
  const observer = [
    onSignals('dispatch.', ({ signal, command }) => seen.push(`${signal} ${command}`)),
    onSignals('aggregate.execute.start', ({ attempt }) => attempts.push(attempt)),
  ]
  const app = testApp({ commands: [ring], observer })
  await app.execute(ring({ bell: 'a', how: 'well' }), { actor: ann })
  assert.deepEqual(seen, ['dispatch.start Ring', 'dispatch.stop Ring'])
  assert.deepEqual(attempts, [1])
  assert.throws(() => onSignals('dispatched.', () => {}), { code: 'ES_DEFINITION' })
  await app.stop()
})

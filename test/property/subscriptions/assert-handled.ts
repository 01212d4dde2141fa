/** What a handler must have been given when everything has come to its end: the model of rewinds. */
import assert from 'node:assert/strict'
import type { EventStore } from '../../../src/core/event-store.ts'

/** An event that was handled without a failure. */
export interface Handled {
  readonly stream: string
  readonly position: number
}

/** Somebody has asked for everything behind a position. */
export interface Asked {
  readonly to: number
  /** How much had been handled when the call began. */
  readonly handledBefore: number
  /** Whether the call has succeeded. Otherwise it may have been written or not. */
  isCertain: boolean
  /** Whether everybody stood still then, so that nothing could be handled between the call and its effect. */
  readonly isAtRest: boolean
}

export async function assertHandled(store: EventStore, handled: readonly Handled[], rewinds: readonly Asked[], isCalm: boolean) {
  const streams = new Map<string, number[]>()
  for await (const { events } of store.readAll()) {
    for (const { stream, position } of events) streams.set(stream, [...(streams.get(stream) ?? []), position])
  }
  for (const [stream, positions] of streams) {
    const given = handled.flatMap((one, at) => (one.stream === stream ? [{ position: one.position, at }] : []))
    assertFirstInOrder(stream, positions, given)
    assertAgain(stream, positions, given, rewinds)
    if (isCalm) assertExplained(stream, positions, given, rewinds)
  }
}

type Given = readonly { readonly position: number; readonly at: number }[]

function assertFirstInOrder(stream: string, positions: readonly number[], given: Given): void {
  assert.deepEqual([...new Set(given.map(({ position }) => position))], positions, `everything of ${stream}, in order`)
}

/** Whatever is behind the place of a rewind was handled after it was asked for. */
function assertAgain(stream: string, positions: readonly number[], given: Given, rewinds: readonly Asked[]): void {
  for (const { to, handledBefore, isCertain } of rewinds) {
    if (!isCertain) continue
    for (const position of positions.filter((one) => one > to)) {
      const isThere = given.some((one) => one.position === position && one.at >= handledBefore)
      assert.ok(isThere, `${position} of ${stream} was handled after the rewind to ${to}`)
    }
  }
}

/**
 * One event after the other; only a rewind leads back, each of them once, and to the first event behind its place: at once when everybody
 * stood still, and otherwise as soon as whoever works on the stream has heard of it.
 */
function assertExplained(stream: string, positions: readonly number[], given: Given, rewinds: readonly Asked[]): void {
  const unused = new Set(rewinds.filter((one) => !one.isAtRest))
  const atRest = rewinds.filter((one) => one.isAtRest)
  const firstBehind = ({ to }: Asked) => positions.filter((one) => one <= to).length
  let next = 0
  for (const { position, at } of given) {
    while (atRest[0] && atRest[0].handledBefore <= at) next = Math.min(next, firstBehind(atRest.shift() as Asked))
    if (positions[next] !== position) {
      const index = positions.indexOf(position)
      const why = [...unused].find((one) => one.handledBefore <= at && firstBehind(one) === index)
      assert.ok(why && index < next, `${position} of ${stream} comes when ${positions[next]} is expected, and no rewind explains it`)
      unused.delete(why)
      next = index
    }
    next++
  }
  assert.equal(next, positions.length, `everything of ${stream} was handled since the last rewind`)
}

/** Whoever reads pages in advance hands out the same as somebody who asks for one page after the other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { LogPage, StoredEvent } from '../../../src/core/stored-event.ts'
import { type PageReader, readPages } from '../../../src/runtime/subscription/read-pages.ts'
import { check } from '../../property/check.ts'
import { isPending, moment, turns } from '../in-front-of.ts'

/** A log of positions 1, 2, 3 …, every third of which concerns nobody, in pages of three. */
function makeLog() {
  const log = { head: 0, broken: 0, reads: 0, open: 0 }
  async function* pages(after: number): AsyncGenerator<LogPage> {
    log.open++
    try {
      for (let at = after; at < log.head; ) {
        const { head } = log
        log.reads++
        await turns(1)
        if (log.broken > 0 && log.broken-- > 0) throw new Error('broken')
        const position = Math.min(head, at + 3)
        const events: StoredEvent[] = []
        for (let one = at + 1; one <= position; one++) if (one % 3 > 0) events.push({ position: one } as StoredEvent)
        at = position
        yield { events, position }
      }
    } finally {
      log.open--
    }
  }
  return { log, pages }
}

type Step = { readonly append: number } | { readonly next: true } | { readonly jump: number } | { readonly fail: true }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant<Step>({ next: true }) },
    { weight: 2, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 10 }) }) as fc.Arbitrary<Step> },
    { weight: 1, arbitrary: fc.record({ jump: fc.integer({ min: 0, max: 30 }) }) as fc.Arbitrary<Step> },
    { weight: 1, arbitrary: fc.constant<Step>({ fail: true }) },
  ),
  { maxLength: 40 },
)

/** Follows the log from wherever it is told to; every page has to begin where the one before it has ended. */
async function follow(program: readonly Step[], make: (pages: (after: number) => AsyncGenerator<LogPage>) => PageReader): Promise<void> {
  const { log, pages } = makeLog()
  const reader = make(pages)
  let at = 0
  for (const step of program) {
    if ('append' in step) log.head += step.append
    else if ('jump' in step) at = Math.min(step.jump, log.head)
    else if ('fail' in step) log.broken = 1
    else {
      const page = await reader.next(at, log.head).catch(() => 'failed' as const)
      if (page === 'failed') continue
      if (!page) {
        assert.equal(at, log.head)
        continue
      }
      const expected = Array.from({ length: page.position - at }, (_, i) => at + 1 + i).filter((one) => one % 3 > 0)
      assert.deepEqual(
        page.events.map(({ position }) => position),
        expected,
      )
      at = page.position
    }
  }
  await reader.close()
  assert.equal(log.open, 0)
}

test('every page begins where the one before it has ended, wherever it goes and whatever fails', async (t) => {
  const property = fc.asyncProperty(steps, (program) => follow(program, readPages))
  await check(t, property)
})

test('control: a reader that goes on where it is, whatever it is asked for, is caught', async (t) => {
  const deaf = (pages: (after: number) => AsyncGenerator<LogPage>): PageReader => {
    const reader = readPages(pages)
    let at = 0
    return {
      isOpen: true,
      async next(_, head) {
        const page = await reader.next(at, head)
        at = page?.position ?? at
        return page
      },
      close: reader.close,
    }
  }
  const property = fc.asyncProperty(steps, (program) => follow(program, deaf))
  await assert.rejects(check(t, property), /It does not hold/)
})

test('the next page is read while somebody does something with this one, and no further one', async () => {
  const { log, pages } = makeLog()
  log.head = 9
  const reader = readPages(pages)
  assert.equal((await reader.next(0, log.head))?.position, 3)
  await turns()
  assert.equal(log.reads, 2)
  assert.equal((await reader.next(3, log.head))?.position, 6)
  await turns()
  assert.equal(log.reads, 3)
  await reader.close()
})

test('to close it waits for what is being read', async () => {
  const answered = moment()
  const reader = readPages(async function* () {
    yield { events: [], position: 1 }
    await answered.promise
    yield { events: [], position: 2 }
  })
  await reader.next(0, 2)
  const closed = reader.close()
  assert.ok(await isPending(closed))
  answered.resolve()
  await closed
})

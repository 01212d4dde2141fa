/** What only the memory store promises. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byCodePoint } from '../../src/core/code-point-order.ts'
import { memory } from '../../src/stores/memory/memory.ts'
import { append, to } from './support.ts'

test('events, their tags and the lists that hold them are frozen', async () => {
  const store = memory()
  const result = await append(store, to('account-1', 2))
  assert.ok(
    result.kind === 'appended' &&
      Object.isFrozen(result.events) &&
      Object.isFrozen(result.events[0]) &&
      Object.isFrozen(result.events[0]?.tags),
  )
  for await (const page of store.readStream('account-1')) assert.ok(page.every((event) => Object.isFrozen(event)))
})

test('text is ordered by code point, as bytes of UTF-8 are', () => {
  const texts = ['', 'a', 'a\u0000', 'a-', 'ab', 'z', 'é', '\ud7ff', '\ue000', '\uff5e', '\uffff', '😀', '😀a', '\u{10ffff}']
  const bytes = (text: string) => Buffer.from(text)
  for (const a of texts)
    for (const b of texts) assert.equal(Math.sign(byCodePoint(a, b)), Math.sign(Buffer.compare(bytes(a), bytes(b))), `${a} and ${b}`)
})

test('a savepoint inside a savepoint is undone alone', async () => {
  const store = memory()
  await store.transaction!(async (tx) => {
    await tx.savepoint(async () => {
      await tx.append(to('account-1', 1))
      await tx
        .savepoint(async () => {
          await tx.append(to('account-1', 5))
          throw new Error('on purpose')
        })
        .catch(() => {})
      await tx.append(to('account-1', 1))
    })
  })
  assert.equal((await store.streamInfo('account-1'))?.version, 2)
})

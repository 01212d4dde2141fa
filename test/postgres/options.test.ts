/** What `postgres` refuses where it is written, before there is any server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { postgres } from '../../src/stores/postgres/index.ts'

const url = 'postgres://127.0.0.1:1/nowhere'

for (const [what, make] of [
  ['a missing URL', () => postgres('')],
  ['something that is no pool', () => postgres({} as never)],
  ['a misspelt option', () => postgres(url, { shema: 'bank' } as never)],
  ['a schema that would have to be quoted by everybody', () => postgres(url, { schema: 'Bank' })],
  ['one partition', () => postgres(url, { partitions: 1 })],
  ['one connection, with which no view could be built', () => postgres(url, { maxConnections: 1 })],
  ['a pool of one connection', () => postgres({ options: { max: 1 }, connect: async () => assert.fail(), end: async () => {}, on() {} })],
] as const) {
  test(`${what} is refused`, () => {
    assert.throws(make, { code: 'ES_DEFINITION' })
  })
}

test('a store that was never used needs no server', async () => {
  await postgres(url).close()
})

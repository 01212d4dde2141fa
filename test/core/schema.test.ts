import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import { DacapoError, type ValidationError } from '../../src/core/errors.ts'
import { assertSchema, parse, parseSync, type Schema } from '../../src/core/schema.ts'

const libraries = { zod: z.object({ amount: z.number() }), valibot: v.object({ amount: v.number() }), arktype: type({ amount: 'number' }) }
const asynchronous = z.object({ amount: z.number().refine(async (amount) => amount > 0, 'must be above 0') })

for (const [library, schema] of Object.entries(libraries)) {
  test(`a schema of ${library} parses at once, and says where a value is wrong`, () => {
    assert.deepEqual(parse(schema, { amount: 1 }, 'x'), { amount: 1 })
    assert.deepEqual(parseSync(schema, { amount: 1 }, 'x'), { amount: 1 })
    assert.throws(
      () => parseSync(schema, { amount: '1' }, 'data of Deposited'),
      (error: ValidationError) => {
        assert.equal(error.code, 'ES_VALIDATION')
        assert.deepEqual([...(error.issues[0]?.path ?? [])], ['amount'])
        return /^data of Deposited is not valid: amount: /.test(error.message)
      },
    )
  })
}

test('numbers in a path stay numbers', () => {
  const schema = z.object({ lines: z.array(z.object({ amount: z.number() })) })
  assert.throws(
    () => parseSync(schema, { lines: [{ amount: 1 }, {}] }, 'x'),
    (error: ValidationError) => {
      assert.deepEqual(error.issues[0]?.path, ['lines', 1, 'amount'])
      return true
    },
  )
})

test('the output side of a transform is what a caller gets', () => {
  assert.deepEqual(parseSync(z.string().transform(Number), '5', 'x'), 5)
})

test('an asynchronous schema makes a promise where there is time, with the same answers', async () => {
  assert.deepEqual(await parse(asynchronous, { amount: 1 }, 'x'), { amount: 1 })
  await assert.rejects(async () => parse(asynchronous, { amount: -1 }, 'input'), {
    code: 'ES_VALIDATION',
    message: /amount: must be above 0/,
  })
})

test('an asynchronous schema is refused where there is none, and its late failure troubles nobody', async () => {
  assert.throws(() => parseSync(asynchronous, { amount: 1 }, 'data of X'), {
    code: 'ES_DEFINITION',
    message: /^data of X has an asynchronous schema/,
  })
  const failing: Schema = { '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error('late')) } }
  assert.throws(() => parseSync(failing, {}, 'data of X'), { code: 'ES_DEFINITION' })
  await new Promise((resolve) => setImmediate(resolve)) // an unhandled rejection would fail this test
})

test('what is not a Standard Schema is refused where it is written', () => {
  for (const schema of [undefined, null, {}, { '~standard': {} }, () => 1, 'string']) {
    assert.throws(
      () => assertSchema(schema, 'Event X'),
      (error) => DacapoError.is(error) && /^Event X needs a Standard Schema/.test(error.message),
    )
  }
  for (const schema of Object.values(libraries)) assertSchema(schema, 'Event X')
})

/** What the store makes of an error of the driver. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoreUnavailableError } from '../../src/core/errors.ts'
import { isRefusal, storeError } from '../../src/stores/postgres/driver-errors.ts'

const failed = (code?: string) => Object.assign(new Error('it failed'), code === undefined ? {} : { code })

for (const code of [undefined, 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EPERM', '08006', '57P01', '57P03', '53300', '25P03', 'XX000']) {
  test(`after ${code ?? 'an error without a code'} nobody knows what was done, and it may be tried again`, () => {
    assert.equal(isRefusal(failed(code)), false)
    const error = storeError(failed(code))
    assert.ok(error instanceof StoreUnavailableError && error.retryable)
  })
}

for (const code of ['40001', '40P01', '55P03', '57014', '25006']) {
  test(`after ${code} nothing was done, and it may be tried again`, () => {
    assert.equal(isRefusal(failed(code)), true)
    const error = storeError(failed(code))
    assert.ok(error instanceof StoreUnavailableError && error.retryable)
  })
}

for (const code of ['23505', '42501', '22021']) {
  test(`after ${code} nothing was done, and it will not be another time`, () => {
    assert.equal(isRefusal(failed(code)), true)
    const error = storeError(failed(code))
    assert.ok(error instanceof StoreUnavailableError && !error.retryable)
  })
}

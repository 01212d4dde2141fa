/** What the store makes of an error of the driver. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { StoreUnavailableError } from '../../src/core/errors.ts'
import { isRefusal, storeError } from '../../src/stores/postgres/driver-errors.ts'
import { type PgPool, postgres } from '../../src/stores/postgres/index.ts'
import { deposit } from './faults/requests.ts'
import { freshSchema } from './fresh.ts'
import { startProxy } from './proxy.ts'
import { postgresServers } from './servers.ts'

const failed = (code: string) => Object.assign(new Error('it failed'), { code })

for (const code of [
  ...['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENOTFOUND', 'EPIPE', 'EPERM', 'EAI_AGAIN'],
  ...[
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'CERT_HAS_EXPIRED',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_WRONG_VERSION_NUMBER',
  ],
  ...['ERR_SOCKET_CLOSED', 'ERR_STREAM_DESTROYED'],
  ...['08006', '57P01', '57P03', '53300', '25P03', 'XX000'],
]) {
  test(`after ${code} nobody knows what was done, and it may be tried again`, () => {
    assert.equal(isRefusal(failed(code)), false)
    const error = storeError(failed(code))
    assert.ok(error instanceof StoreUnavailableError && error.retryable)
  })
}

for (const sentence of [
  'Connection terminated unexpectedly',
  'Connection terminated due to connection timeout',
  'timeout expired',
  'timeout exceeded when trying to connect',
  'Query read timeout',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'The server does not support SSL connections',
  'Cannot use a pool after calling end on the pool',
]) {
  test(`"${sentence}", which pg says without a code, is an error of the connection`, () => {
    const error = storeError(new Error(sentence))
    assert.ok(error instanceof StoreUnavailableError && error.retryable)
  })
}

for (const mistake of [
  new TypeError("Cannot read properties of undefined (reading 'connect')"),
  new RangeError('Invalid array length'),
  new Error('The database refuses an append to account-1 that the rules allow.'),
  Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL' }),
  'thrown',
]) {
  test(`a mistake is handed on as it is, and nobody is told to try again: ${String(mistake)}`, () => {
    assert.equal(isRefusal(mistake), false)
    assert.equal(storeError(mistake), mistake)
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

test('who is not there, and who does not answer, cannot be reached', async () => {
  for (const url of ['postgres://127.0.0.1:1/nowhere', 'postgres://nowhere.invalid/nowhere']) {
    const store = postgres(url)
    await assert.rejects(store.head(), (error) => error instanceof StoreUnavailableError && error.retryable)
    await store.close()
  }
})

const [server] = await postgresServers()

test('whatever pg says of a connection that is cut in the middle of something is an error of the connection', async () => {
  const { url, name: schema, drop } = await freshSchema(server!)
  const proxy = await startProxy({ url })
  const store = postgres(proxy.url, { schema })
  await store.migrate()
  for (let round = 0; round < 20; round++) {
    const reads = Array.from({ length: 8 }, () => store.head())
    setTimeout(() => proxy.cut(), round / 4)
    for (const read of await Promise.allSettled(reads)) {
      if (read.status === 'rejected') assert.ok(read.reason instanceof StoreUnavailableError && read.reason.retryable, read.reason)
    }
  }
  await store.close()
  await proxy.close()
  await drop()
})

test('a mistake in the driver is told by its own name, to who reads and to who appends', async () => {
  const { url, name: schema, drop } = await freshSchema(server!)
  const pool = new pg.Pool({ connectionString: url, max: 3 })
  let broken = false
  const flawed: PgPool = {
    on: (event, listener) => pool.on(event, listener),
    end: () => pool.end(),
    async connect() {
      const client = await pool.connect()
      return {
        query: (query) =>
          broken ? Promise.reject(new TypeError('query is not iterable')) : (client.query(query as pg.QueryConfig) as never),
        release: (error) => client.release(error),
        on: (event, listener) => client.on(event as 'error', listener),
        removeListener: (event, listener) => client.removeListener(event, listener),
      }
    },
  }
  const store = postgres(flawed, { schema })
  await store.append([deposit('account-a')])
  broken = true
  const mistake = { name: 'TypeError', message: 'query is not iterable' }
  await assert.rejects(store.head(), mistake)
  await assert.rejects(store.append([deposit('account-a')]), mistake)
  await assert.rejects(
    store.transaction!((transaction) => transaction.append(deposit('account-a'))),
    mistake,
  )
  broken = false
  assert.equal(await store.head(), 1)
  await store.close()
  await pool.end()
  await drop()
})

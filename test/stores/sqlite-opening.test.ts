/** What somebody is told whose file cannot be a store, and what becomes of the file. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { append, outcome, temporaryFolder, to } from './support.ts'

test('a file that is not an SQLite database is refused and left as it is', async (t) => {
  for (const text of ['hello', 'no database\n'.repeat(1000)]) {
    const file = join(temporaryFolder(t), 'bank.db')
    writeFileSync(file, text)
    const store = sqlite(file)
    await assert.rejects(store.head(), { code: 'ES_STORE_FORMAT', message: `${file} is not an SQLite database; it was left as it is.` })
    await store.close()
    assert.equal(readFileSync(file, 'utf8'), text)
  }
})

test('an empty file becomes a store', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  writeFileSync(file, '')
  const store = sqlite(file)
  assert.equal((await append(store, to('account-1'))).kind, 'appended')
  await store.close()
})

test('a folder, and a file in a folder that does not exist, are refused by name', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'bank.db'))
  await assert.rejects(sqlite(join(folder, 'bank.db')).head(), { code: 'ES_STORE_UNAVAILABLE', retryable: false, message: /is a folder/ })
  await assert.rejects(sqlite(join(folder, 'missing', 'bank.db')).head(), {
    code: 'ES_STORE_UNAVAILABLE',
    retryable: false,
    message: /missing of .* does not exist/,
  })
})

test('a store that could not be opened is opened by the next call once the reason is gone', async (t) => {
  const folder = join(temporaryFolder(t), 'later')
  const store = sqlite(join(folder, 'bank.db'))
  assert.equal(await outcome(store.head()), 'ES_STORE_UNAVAILABLE')
  mkdirSync(folder)
  assert.equal(await outcome(store.head()), 0)
  await store.close()
})

test('a store that was never used creates no file', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  await sqlite(file).close()
  assert.equal(existsSync(file), false)
})

test('a store of a newer version is refused and not touched', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  const first = sqlite(file)
  await append(first, to('account-1'))
  await first.close()
  const database = new DatabaseSync(file)
  database.exec('INSERT INTO dacapo_migrations VALUES (99, 0)')
  database.close()
  const before = readFileSync(file)
  await assert.rejects(sqlite(file).head(), { code: 'ES_STORE_FORMAT', message: /written by a newer version of Dacapo \(schema 99/ })
  assert.deepEqual(readFileSync(file), before)
})

test('a database of another application keeps its tables beside those of the store', async (t) => {
  const file = join(temporaryFolder(t), 'shop.db')
  const database = new DatabaseSync(file)
  database.exec(
    'CREATE TABLE events (id INTEGER); INSERT INTO events VALUES (7); PRAGMA user_version = 5; CREATE TABLE streams (name TEXT)',
  )
  const store = sqlite(file)
  assert.equal((await append(store, to('account-1'))).kind, 'appended')
  assert.deepEqual({ ...database.prepare('SELECT id FROM events').get() }, { id: 7 })
  assert.deepEqual({ ...database.prepare('PRAGMA user_version').get() }, { user_version: 5 })
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'dacapo_%'").all()
  assert.deepEqual(
    tables.map(({ name }) => name),
    ['events', 'streams'],
  )
  await store.close()
  database.close()
})

test('opened read-only, a store can be read and not be written, and a missing one is not made', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  await assert.rejects(sqlite(file, { readOnly: true }).head(), {
    code: 'ES_STORE_UNAVAILABLE',
    message: /does not exist, and was opened read-only/,
  })
  const writer = sqlite(file)
  await append(writer, to('account-1', 3))
  const reader = sqlite(file, { readOnly: true })
  assert.equal(await reader.forgetExpired(Date.now()), 0)
  assert.equal(await reader.head(), 3)
  assert.equal(await outcome(append(reader, to('account-1'))), 'ES_UNSUPPORTED')
  await append(writer, to('account-1'))
  assert.equal(await reader.head(), 4)
  await Promise.all([reader.close(), writer.close()])
})

test('a database that may only be read is refused with one sentence', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  new DatabaseSync(file).close()
  const database = new DatabaseSync(file, { readOnly: true })
  await assert.rejects(sqlite(database).head(), { code: 'ES_STORE_UNAVAILABLE', retryable: false, message: /is read-only/ })
  database.close()
})

test('wrong options are refused where they are written', () => {
  assert.throws(() => sqlite(''), { code: 'ES_DEFINITION' })
  assert.throws(() => sqlite({} as never), { code: 'ES_DEFINITION' })
  assert.throws(() => sqlite('bank.db', { synchronous: 'OFF' as never }), { code: 'ES_DEFINITION', message: /'FULL'/ })
  assert.throws(() => sqlite('bank.db', { lockTimeout: { seconds: 0 } }), { code: 'ES_DEFINITION' })
  assert.throws(() => sqlite('bank.db', { maxBatchRequests: 0 }), { code: 'ES_DEFINITION' })
})

test('the connection that writes reports the synchronous level that was asked for, and WAL', async (t) => {
  for (const [synchronous, level] of [
    [undefined, 2],
    ['NORMAL', 1],
    ['EXTRA', 3],
  ] as const) {
    const database = new DatabaseSync(join(temporaryFolder(t), 'bank.db'))
    const store = sqlite(database, synchronous ? { synchronous } : {})
    await store.head()
    assert.deepEqual({ ...database.prepare('PRAGMA synchronous').get() }, { synchronous: level })
    assert.deepEqual({ ...database.prepare('PRAGMA journal_mode').get() }, { journal_mode: 'wal' })
    await store.close()
    database.close()
  }
})

test('closing leaves a given database open, and no WAL beside a file of its own', async (t) => {
  const database = new DatabaseSync(':memory:')
  const given = sqlite(database)
  await append(given, to('account-1', 2))
  await given.close()
  assert.deepEqual({ ...database.prepare('SELECT count(*) AS n FROM dacapo_events').get() }, { n: 2 })
  database.close()

  const file = join(temporaryFolder(t), 'bank.db')
  const own = sqlite(file)
  await append(own, to('account-1', 2))
  assert.equal(existsSync(`${file}-wal`), true)
  await own.close()
  assert.equal(existsSync(`${file}-wal`), false)
})

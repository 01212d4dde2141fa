/** `dacapo migrate` on SQLite files. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { append, temporaryFolder, to } from '../stores/support.ts'
import { dacapo } from './run-command.ts'

function onFile<T>(file: string, work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(file)
  try {
    return work(database)
  } finally {
    database.close()
  }
}

const tablesIn = (file: string) => onFile(file, (database) => database.prepare('SELECT name FROM sqlite_master ORDER BY name').all())

async function appendsTo(file: string): Promise<void> {
  const store = sqlite(file)
  assert.equal((await append(store, to('account-1'))).kind, 'appended')
  await store.close()
}

test('a file is made, and found done the next time; the variable DACAPO_STORE may name it', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  assert.deepEqual(await dacapo(['migrate', '--store', file]), { code: 0, stdout: `${file}: 3 steps applied\n`, stderr: '' })
  assert.deepEqual(await dacapo(['migrate'], { DACAPO_STORE: file }), { code: 0, stdout: `${file}: nothing to do\n`, stderr: '' })
  await appendsTo(file)
})

test('--status tells the steps and makes no file', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  assert.equal(
    (await dacapo(['migrate', '--store', file, '--status'])).stdout,
    `${file}\n  1  store  missing\n  2  work  missing\n  3  views  missing\n`,
  )
  assert.ok(!existsSync(file))
  await dacapo(['migrate', '--store', file])
  assert.match(
    (await dacapo(['migrate', '--store', file, '--status'])).stdout,
    /\n {2}1 {2}store {2}applied \d{4}-\d\d-\d\dT[\d:.]+Z\n {2}2 {2}work {2}applied /,
  )
})

test('eight processes at once: one applies the steps, the others find nothing to do', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  const ran = await Promise.all(Array.from({ length: 8 }, () => dacapo(['migrate', '--store', file])))
  const said = ran.map(({ stdout, stderr }) => stdout + stderr).sort()
  assert.deepEqual(said, [`${file}: 3 steps applied\n`, ...Array(7).fill(`${file}: nothing to do\n`)])
  await appendsTo(file)
})

test('what is printed makes the same tables as the store does, and leaves it nothing to do', async (t) => {
  const folder = temporaryFolder(t)
  const [own, printed] = [join(folder, 'own.db'), join(folder, 'printed.db')]
  await dacapo(['migrate', '--store', own])
  const { stdout } = await dacapo(['migrate', '--print', '--store', 'sqlite'])
  onFile(printed, (database) => database.exec(stdout))
  assert.deepEqual(tablesIn(printed), tablesIn(own))
  assert.equal((await dacapo(['migrate', '--store', printed])).stdout, `${printed}: nothing to do\n`)
  await appendsTo(printed)
})

test('what is printed with --down says that it destroys the events, leaves nothing, and the way up is open again', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  await dacapo(['migrate', '--store', file])
  await appendsTo(file)
  const { stdout } = await dacapo(['migrate', '--print', '--down', '--store', file])
  assert.match(stdout, /^-- THIS DESTROYS EVERY EVENT/m)
  onFile(file, (database) => database.exec(stdout))
  assert.deepEqual(tablesIn(file), [])
  assert.equal((await dacapo(['migrate', '--store', file])).stdout, `${file}: 3 steps applied\n`)
})

test('--out writes what --print prints into numbered files, once, and leaves other files of that name alone', async (t) => {
  const folder = join(temporaryFolder(t), 'new', 'migrations')
  const write = () => dacapo(['migrate', '--out', folder, '--store', 'sqlite'])
  const names = ['0001_store', '0002_work', '0003_views'].flatMap((name) => [`${name}.up.sql`, `${name}.down.sql`])
  const files = names.map((name) => join(folder, name))
  const said = (what: string) => files.map((file) => `${file}: ${what}\n`).join('')
  assert.deepEqual(await write(), { code: 0, stdout: said('written'), stderr: '' })
  assert.deepEqual(readdirSync(folder).sort(), names.toSorted())
  const [up, , second, , third] = files as [string, string, string, string, string]
  const printed = [up, second, third].map((file) => `${readFileSync(file, 'utf8')}\n`).join('')
  assert.equal((await dacapo(['migrate', '--print', '--store', 'sqlite'])).stdout, printed)
  assert.equal((await write()).stdout, said('already there'))

  writeFileSync(up, '-- mine')
  const { code, stderr } = await write()
  assert.equal(code, 1)
  assert.equal(stderr, `dacapo: ${up} is there with other content, and was left as it is: move it away, or write to another folder.\n`)
  assert.equal(readFileSync(up, 'utf8'), '-- mine')
})

test("an operator's mistake is one sentence with its code, without a stack trace, and exit code 1", async (t) => {
  const folder = temporaryFolder(t)
  const at = (name: string) => join(folder, name)
  mkdirSync(at('folder'))
  writeFileSync(at('text.db'), 'no database\n'.repeat(1000))
  await dacapo(['migrate', '--store', at('newer.db')])
  onFile(at('newer.db'), (database) => database.exec('INSERT INTO dacapo_migrations (id, applied_at) VALUES (99, 0)'))
  const newer = `${at('newer.db')} was written by a newer version of Dacapo (schema 99, this version knows 3): upgrade dacapo. Nothing was changed. (ES_STORE_FORMAT)`
  const told = [
    [['--store', at('folder')], `${at('folder')} is a folder: name a file in it. (ES_STORE_UNAVAILABLE)`],
    [
      ['--store', at('missing/bank.db')],
      `The folder ${at('missing')} of ${at('missing/bank.db')} does not exist: create it first. (ES_STORE_UNAVAILABLE)`,
    ],
    [['--store', at('text.db')], `${at('text.db')} is not an SQLite database; it was left as it is. (ES_STORE_FORMAT)`],
    [['--store', at('newer.db')], newer],
    [['--store', at('newer.db'), '--status'], newer],
    [['--out', join(at('text.db'), 'migrations')], `${join(at('text.db'), 'migrations')} cannot be written: ENOTDIR: not a directory.`],
  ] as const
  for (const [args, sentence] of told) {
    assert.deepEqual(await dacapo(['migrate', ...args]), { code: 1, stdout: '', stderr: `dacapo: ${sentence}\n` })
  }
})

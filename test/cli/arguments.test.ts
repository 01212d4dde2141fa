/** What the `dacapo` command says to those who ask, and to those who ask wrongly. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import manifest from '../../package.json' with { type: 'json' }
import { dacapo } from './run-command.ts'

const configuration = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8')

test('the package brings the command, and its file says what runs it', () => {
  assert.deepEqual(manifest.bin, { dacapo: 'dist/cli/main.js' })
  assert.match(readFileSync(join(import.meta.dirname, '../..', manifest.bin.dacapo), 'utf8'), /^#!\/usr\/bin\/env node\n/)
})

test('--help prints every option and --version the version, and both are a success', async () => {
  const { code, stdout, stderr } = await dacapo(['migrate', '--help'])
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^Usage: dacapo migrate/)
  assert.deepEqual(await dacapo(['--version']), { code: 0, stdout: `${manifest.version}\n`, stderr: '' })
})

test('configuration.md lists the options that --help lists', async () => {
  const { stdout } = await dacapo(['--help'])
  const section = /^## The dacapo command\n(.*?)^## /ms.exec(configuration)?.[1] ?? ''
  const written = [...section.matchAll(/^\| `(--\w+)/gm)].map(([, name]) => name)
  const helped = [...stdout.matchAll(/^ {2}(--\w+)/gm)].map(([, name]) => name)
  assert.notEqual(helped.length, 0)
  assert.deepEqual(written, helped)
})

const mistakes: readonly (readonly [args: readonly string[], sentence: string])[] = [
  [[], 'It needs a command.'],
  [['migrat'], 'There is no command "migrat"; there are migrate, rebuild and compare.'],
  [['rebuild'], 'rebuild needs the module that exports your app, and the name of a projection.'],
  [['compare', 'app.ts'], 'compare needs the name of a projection after the module.'],
  [['rebuild', 'app.ts', 'balances', 'now'], '"now" is one word too many.'],
  [['rebuild', 'app.ts', 'balances', '--store', 'bank.db'], '--store is for migrate; rebuild works on the store of your app.'],
  [['rebuild', 'nowhere.ts', 'balances'], 'There is no file nowhere.ts: name the module that exports your app. (ES_DEFINITION)'],
  [['migrate', 'now'], '"now" is one word too many.'],
  [['migrate', '--prnt'], 'There is no option --prnt; did you mean --print?'],
  [['migrate', '--everything'], "Unknown option '--everything'."],
  [['migrate', '--store'], "Option '--store <value>' argument missing."],
  [['migrate', '--store', ''], '--store needs a value.'],
  [['migrate'], 'It needs a store: --store postgres://user@host/database, or --store FILE.'],
  [
    ['migrate', '--store', 'postgres'],
    '--store postgres names no store: say postgres://user@host/database, or the path of an SQLite file.',
  ],
  [
    ['migrate', '--store', 'mysql://localhost/bank'],
    '--store does not know "mysql:": say postgres://user@host/database, or the path of an SQLite file.',
  ],
  [
    ['migrate', '--store', ':memory:'],
    '--store does not know ":memory:": say postgres://user@host/database, or the path of an SQLite file.',
  ],
  [['migrate', '--store', 'bank.db', '--schema', 'bank'], '--schema is for PostgreSQL; bank.db is an SQLite file.'],
  [['migrate', '--store', 'bank.db', '--partitions', '4'], '--partitions is for PostgreSQL; bank.db is an SQLite file.'],
  [['migrate', '--print', '--partitions', 'many'], '--partitions needs a whole number, not "many".'],
  [['migrate', '--print', '--partitions', '1'], 'partitions must be a whole number from 2 to 1,024; 1 is not. (ES_DEFINITION)'],
  [
    ['migrate', '--print', '--schema', 'Bank'],
    'schema must be 1–50 lower-case letters, digits and "_", not starting with a digit; "Bank" is not. (ES_DEFINITION)',
  ],
  [['migrate', '--print', '--out', 'migrations'], '--status, --print and --out exclude each other.'],
  [
    ['migrate', '--store', 'bank.db', '--down'],
    '--down needs --print: it destroys every event, so it is printed for you to read, and never applied.',
  ],
  [['migrate', '--down', '--out', 'migrations'], '--out writes both ways: leave --down out.'],
]

for (const [args, sentence] of mistakes) {
  test(`dacapo ${args.join(' ')}: one sentence, then the help, and exit code 2`, async () => {
    const { code, stdout, stderr } = await dacapo(args)
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, /^dacapo: .*\n\nUsage: dacapo migrate/)
    assert.equal(stderr.split('\n')[0], `dacapo: ${sentence}`)
  })
}

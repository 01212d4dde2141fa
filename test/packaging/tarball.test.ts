/** The package as a user gets it: packed, installed into an empty folder, alone, and then running the first program of the README. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { budgets } from '../../budgets/budgets.ts'
import { type Packed, pack } from '../../budgets/pack.ts'
import manifest from '../../package.json' with { type: 'json' }

const repository = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'dacapo-user-'))
const alone = join(folder, 'alone')
const withZod = join(folder, 'with-zod')
const firstProgram = /^```ts\n(.*?)^```/ms.exec(readFileSync(join(repository, 'README.md'), 'utf8'))?.[1] ?? ''

function run(cwd: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${error ?? ''}${stdout}${stderr}`)
  return stdout
}

/** Installs the package into an empty project. */
function install(project: string, ...more: readonly string[]): void {
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  run(project, 'npm', 'install', '--no-audit', '--no-fund', `../${packed.filename}`, ...more)
}

let packed: Packed

before(() => {
  packed = pack(folder)
  install(
    withZod,
    '--prefer-offline',
    `zod@${manifest.devDependencies.zod}`,
    `@opentelemetry/api@${manifest.devDependencies['@opentelemetry/api']}`,
  )
  writeFileSync(join(withZod, 'app.ts'), firstProgram)
})

after(() => rmSync(folder, { recursive: true }))

/** The one entry that is of no use without a package of somebody else. */
const telemetry = './telemetry'

const numberOfExports = (entry: string) => `console.log(Object.keys(await import('${join(manifest.name, entry)}')).length)`

test('the package needs no other: it installs without a network, is alone in node_modules, and its entries can be imported', () => {
  install(alone, '--offline')
  const installed = readdirSync(join(alone, 'node_modules')).filter((name) => !name.startsWith('.'))
  assert.deepEqual(installed, [manifest.name])
  const entries = Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json' && subpath !== telemetry)
  for (const entry of entries) {
    assert.ok(Number(run(alone, process.execPath, '--input-type=module', '--eval', numberOfExports(entry))) > 0, entry)
  }
})

test('the entry for OpenTelemetry needs its API, says so without it, and can be imported with it', () => {
  const parameters = ['--input-type=module', '--eval', numberOfExports(telemetry)]
  const { status, stderr } = spawnSync(process.execPath, parameters, { cwd: alone, encoding: 'utf8' })
  assert.equal(status, 1)
  assert.match(stderr, /Cannot find package '@opentelemetry\/api'/)
  assert.ok(Number(run(withZod, process.execPath, ...parameters)) > 0)
})

test('the installed command prints the SQL of every store, and names the driver that a server would need', () => {
  const command = join(alone, 'node_modules/.bin', manifest.name)
  // By this Node, and not by whichever the machine has.
  assert.equal(run(alone, process.execPath, command, '--version'), `${manifest.version}\n`)
  for (const store of ['postgres', 'sqlite'])
    assert.match(run(alone, process.execPath, command, 'migrate', '--print', '--store', store), /^COMMIT;$/m)
  const wanted = ['migrate', '--store', 'postgres://localhost/bank']
  const { status, stderr } = spawnSync(process.execPath, [command, ...wanted], { cwd: alone, encoding: 'utf8' })
  assert.equal(status, 1)
  assert.equal(stderr, 'dacapo: The PostgreSQL store needs the package pg: npm install pg. (ES_DRIVER_MISSING)\n')
})

test('the installed package keeps its budget', (t) => {
  t.diagnostic(`${packed.unpackedSize} bytes, unpacked`)
  assert.ok(packed.unpackedSize <= budgets.unpackedBytes, `${packed.unpackedSize} bytes; the budget is ${budgets.unpackedBytes}`)
})

test("README's first program has at most 30 lines", () => {
  assert.notEqual(firstProgram, '')
  assert.ok(firstProgram.trimEnd().split('\n').length <= 30)
})

test("README's first program runs in an empty folder that has only the package and zod", () => {
  assert.notEqual(run(withZod, process.execPath, 'app.ts').trim(), '')
})

test("README's first program type-checks against the installed package, declarations included", () => {
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    skipLibCheck: false,
    typeRoots: [join(repository, 'node_modules/@types')],
    types: ['node'],
  }
  writeFileSync(join(withZod, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.ts'] }))
  run(withZod, process.execPath, join(repository, 'node_modules/typescript/bin/tsc'), '-p', withZod)
})

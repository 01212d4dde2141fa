/** The package as a user gets it: packed, installed into an empty folder, and running the first program of the README. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import manifest from '../../package.json' with { type: 'json' }

const repository = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'dacapo-user-'))
const firstProgram = /^```ts\n(.*?)^```/ms.exec(readFileSync(join(repository, 'README.md'), 'utf8'))?.[1] ?? ''

function run(cwd: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${error ?? ''}${stdout}${stderr}`)
  return stdout
}

before(() => {
  run(repository, 'npm', 'pack', '--ignore-scripts', '--pack-destination', folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  writeFileSync(join(folder, 'app.ts'), firstProgram)
  const tarball = `./${manifest.name}-${manifest.version}.tgz`
  run(folder, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball, `zod@${manifest.devDependencies.zod}`)
})

after(() => rmSync(folder, { recursive: true }))

test("README's first program has at most 30 lines", () => {
  assert.notEqual(firstProgram, '')
  assert.ok(firstProgram.trimEnd().split('\n').length <= 30)
})

test("README's first program runs in an empty folder that has only the package and zod", () => {
  assert.notEqual(run(folder, process.execPath, 'app.ts').trim(), '')
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
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.ts'] }))
  run(folder, process.execPath, join(repository, 'node_modules/typescript/bin/tsc'), '-p', folder)
})

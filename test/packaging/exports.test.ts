import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import manifest from '../../package.json' with { type: 'json' }

const repository = join(import.meta.dirname, '../..')
const subpaths = Object.entries(manifest.exports).flatMap(([subpath, target]) =>
  typeof target === 'string' ? [] : [{ name: join(manifest.name, subpath), ...target }],
)
const sourceOf = (built: string) => built.replace('./dist/', './src/').replace(/\.js$/, '.ts')

for (const { name, types, default: built } of subpaths) {
  test(`${name} has its source, its build and its types, and can be imported`, async () => {
    for (const file of [sourceOf(built), built, types]) assert.ok(existsSync(join(repository, file)), `${file} is missing`)
    assert.equal(types, built.replace(/\.js$/, '.d.ts'))
    assert.notDeepEqual(Object.keys(await import(name)), [])
  })
}

test('the type checker knows every subpath by its source', () => {
  const tsc = join(repository, 'node_modules/typescript/bin/tsc')
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', repository, '--showConfig'], { encoding: 'utf8' })
  const expected = Object.fromEntries(subpaths.map((subpath) => [subpath.name, [sourceOf(subpath.default)]]))
  assert.deepEqual(JSON.parse(stdout).compilerOptions.paths, expected)
})

test('what is built has a source, and none of it is test code', () => {
  const built = readdirSync(join(repository, 'dist'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js'))
  assert.notEqual(built.length, 0)
  for (const file of built) {
    assert.ok(existsSync(join(repository, sourceOf(`./dist/${file}`))), `${file} has no source`)
    assert.doesNotMatch(readFileSync(join(repository, 'dist', file), 'utf8'), /['"]node:test['"]/, file)
  }
})

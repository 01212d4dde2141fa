import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const script = join(import.meta.dirname, '../../scripts/check-imports.ts')

/** A small tree that keeps every rule; each case below adds one file that breaks one. */
const clean = {
  'index.ts': `export { createApp } from './runtime/app.ts'\nexport { memory } from './stores/memory/memory-store.ts'`,
  'core/event.ts': `// Date.now() in a comment, 'Math.random()' in a string and a type named Date are all fine
    export const at = (text: string): Date => new Date(text)
    export const note = 'setTimeout(() => process.exit())'
    export interface Clock { setTimeout(): void }
    export interface Schema { readonly version: 1 }`,
  'runtime/app.ts': `import { note } from '../core/event.ts'\nexport const createApp = (): string => note + Date.now()`,
  'stores/sql/tables.ts': `import type { Schema } from '../../core/event.ts'\nexport type Tables = Schema`,
  'stores/memory/memory-store.ts': `import type { Clock } from '../../core/event.ts'\nexport const memory = (clock: Clock) => clock`,
  'stores/sqlite/driver.ts': `import { DatabaseSync } from 'node:sqlite'\nimport '../sql/tables.ts'\nexport const open = () => new DatabaseSync(':memory:')`,
  'stores/sqlite/index.ts': `export { open } from './driver.ts'`,
  'studio/studio-handler.ts': `export const load = () => import('../stores/sqlite/driver.ts')`,
  'testing/index.ts': `export { memory } from '../stores/memory/memory-store.ts'`,
}

function check(extra: Record<string, string> = {}): { status: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'dacapo-imports-'))
  try {
    for (const [file, source] of Object.entries({ ...clean, ...extra })) {
      mkdirSync(join(folder, 'src', dirname(file)), { recursive: true })
      writeFileSync(join(folder, 'src', file), source)
    }
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, join(folder, 'src')], { encoding: 'utf8' })
    return { status, output: stdout + stderr }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('a tree that keeps the rules passes in silence', () => {
  assert.deepEqual(check(), { status: 0, output: '' })
})

const violations: [name: string, file: string, source: string, expected: RegExp][] = [
  ['core imports another layer', 'core/x.ts', `\nimport '../runtime/app.ts'`, /^src\/core\/x\.ts:2 {2}core may not import runtime/],
  ['core imports a node module', 'core/x.ts', `import { join } from 'node:path'`, /core is pure: it may not import node:path/],
  ['core reads the time', 'core/x.ts', `export const x = Date.now()`, /core is pure: `Date\.now\(\)`/],
  ['core reads the time as a date', 'core/x.ts', `export const x = new Date()`, /core is pure: `new Date\(\)`/],
  ['core reads the time through globalThis', 'core/x.ts', `export const x = globalThis.Date.now()`, /core is pure: `Date\.now\(\)`/],
  ['core takes chance', 'core/x.ts', `export const x = Math.random()`, /core is pure: `Math\.random\(\)`/],
  ['core makes an id', 'core/x.ts', `export const x = crypto.randomUUID()`, /core is pure: `crypto\.randomUUID`/],
  ['core sets a timer', 'core/x.ts', `setTimeout(() => {}, 1)`, /core is pure: `setTimeout\(\)`/],
  ['core reads the environment', 'core/x.ts', `export const x = process.env`, /core is pure: `process\.env`/],
  ['runtime imports a store', 'runtime/x.ts', `import '../stores/memory/memory-store.ts'`, /runtime may not import stores\/memory/],
  ['runtime imports a store lazily', 'runtime/x.ts', `import('../stores/sqlite/driver.ts')`, /runtime may not import stores\/sqlite/],
  ['runtime imports testing', 'runtime/x.ts', `import '../testing/index.ts'`, /runtime may not import testing/],
  [
    'a store imports another store',
    'stores/sqlite/x.ts',
    `import '../memory/memory-store.ts'`,
    /stores\/sqlite may not import stores\/memory/,
  ],
  ['a store imports the runtime', 'stores/sqlite/x.ts', `import '../../runtime/app.ts'`, /stores\/sqlite may not import runtime/],
  ['a type reaches into another layer', 'core/x.ts', `export type X = import('../runtime/app.ts').X`, /core may not import runtime/],
  ['a delivery imports another', 'delivery/sse/x.ts', `import '../kafka/y.ts'`, /delivery\/sse may not import delivery\/kafka/],
  ['studio imports a store eagerly', 'studio/x.ts', `import '../stores/sqlite/driver.ts'`, /studio may not import stores\/sqlite/],
  [
    'the front door opens another store',
    'index.ts',
    `export { open } from './stores/sqlite/driver.ts'`,
    /index\.ts may not import stores\/sqlite/,
  ],
  ['a folder has no layer', 'utils/x.ts', `import '../core/event.ts'`, /utils is not in the table of layers/],
  ['a source imports a test', 'runtime/x.ts', `import '../../test/x.ts'`, /outside the sources/],
  ['a driver is named outside its folder', 'runtime/x.ts', `import 'libsql'`, /libsql may be imported from stores\/sqlite only/],
  [
    'node:sqlite is named outside its folder',
    'stores/sql/x.ts',
    `import 'node:sqlite'`,
    /node:sqlite may be imported from stores\/sqlite only/,
  ],
  ['an unknown package is imported', 'runtime/x.ts', `import _ from 'lodash/fp'`, /lodash may be imported from nowhere/],
  [
    'an unknown package is imported for its types alone',
    'core/x.ts',
    `import type { StandardSchemaV1 } from '@standard-schema/spec'`,
    /@standard-schema\/spec may be imported from nowhere/,
  ],
  ['a store is asked for its name', 'runtime/x.ts', `export const x = (a: any) => a.store.name === 'sqlite'`, /never asked for its name/],
  ['a store is switched over', 'runtime/x.ts', `export const x = (store: any) => { switch (store.name) {} }`, /never asked for its name/],
  ['an inner file re-exports', 'core/index.ts', `export * from './event.ts'`, /Only the index\.ts of a public folder re-exports/],
  ['the shared SQL folder re-exports', 'stores/sql/index.ts', `export * from './tables.ts'`, /Only the index\.ts of a public folder/],
]

for (const [name, file, source, expected] of violations) {
  test(`it is refused when ${name}`, () => {
    const { status, output } = check({ [file]: source })
    assert.equal(status, 1)
    assert.match(output, expected)
    assert.equal(output.trim().split('\n').length, 1, output)
  })
}

test('it is refused when files import each other in a circle, by types alone, and the circle is shown', () => {
  const { status, output } = check({
    'core/a.ts': `import type { B } from './b.ts'\nexport type A = B`,
    'core/b.ts': `import type { C } from './c.ts'\nexport type B = C`,
    'core/c.ts': `\nimport type { A } from './a.ts'\nexport type C = A`,
  })
  assert.equal(status, 1)
  assert.equal(output, 'src/core/c.ts:2  Import cycle: core/a.ts → core/b.ts → core/c.ts → core/a.ts.\n')
})

test('it is refused when there is nothing to check', () => {
  const empty = mkdtempSync(join(tmpdir(), 'dacapo-imports-'))
  const { status } = spawnSync(process.execPath, [script, empty])
  rmSync(empty, { recursive: true })
  assert.equal(status, 1)
})

/** What is written is executed: the code of every page, as a user's program with the built package installed. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { freshDatabase } from '../postgres/fresh.ts'
import { postgresServers } from '../postgres/servers.ts'
import { allPages, anchorsOf, fragmentsOf, internalLinksOf, missingIn, programsOf, repository } from './docs-pages.ts'

const pages = allPages()
const folder = mkdtempSync(join(tmpdir(), 'dacapo-docs-'))
/** Each program with a folder of its own, for the files that it makes. */
const programs = pages.flatMap((page) =>
  programsOf(page).map((program, n) => {
    const name = n === 0 ? page.path : `${page.path}, program ${n + 1}`
    const cwd = join(folder, `${page.path.replace(/\.md$/, '')}${n === 0 ? '' : `-${n + 1}`}`)
    return { ...program, name, cwd, file: join(cwd, basename(page.path).replace(/\.md$/, '.ts')) }
  }),
)

/** A database of its own for each program that needs one, on the newest server. */
const databases = new Map<string, { readonly url: string; drop(): Promise<void> }>()

before(async () => {
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(repository, join(folder, 'node_modules/dacapo'))
  for (const name of ['zod', 'pg', 'kysely', '@types', '@opentelemetry'])
    symlinkSync(join(repository, 'node_modules', name), join(folder, 'node_modules', name))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  for (const { cwd, file, source } of programs) {
    mkdirSync(cwd, { recursive: true })
    writeFileSync(file, source)
    cpSync(join(repository, 'docs/bank.ts'), join(cwd, 'bank.ts'))
    if (source.includes("'dacapo/postgres'")) databases.set(file, await freshDatabase((await postgresServers()).at(-1)!))
  }
})

after(async () => {
  rmSync(folder, { recursive: true })
  for (const { drop } of databases.values()) await drop()
})

/** Without what the test runner tells its own children. */
const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...environment } = process.env

function runNode(
  cwd: string,
  ...parameters: string[]
): Promise<{ readonly failed: boolean; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    const env = { ...environment, DATABASE_URL: databases.get(parameters.at(-1) ?? '')?.url }
    execFile(process.execPath, parameters, { cwd, env, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ failed: error !== null, stdout, stderr }),
    )
  })
}

describe('the code of a page runs and prints what the page says', { concurrency: true }, () => {
  for (const { name, cwd, file, printed } of programs) {
    test(name, async () => {
      const { failed, stdout, stderr } = await runNode(cwd, '--enable-source-maps', file)
      assert.ok(!failed, `${name} failed. Lines are those of the page.\n${stderr}\n${stdout}`)
      const missing = missingIn(stdout, printed)
      assert.equal(missing, undefined, `${name} says → ${missing}, but it printed, in this order:\n${stdout}${stderr}`)
    })
  }
})

test('a page that says something else than what its code prints is noticed, and so is another order', () => {
  const page = { path: 'docs/page.md', text: ['```ts', '1 + 1 // → 2', "console.log('a') // → a", '```'].join('\n') }
  const [program] = programsOf(page)
  assert.deepEqual(program, { source: "\nconsole.log(1 + 1)\nconsole.log('a') // → a", printed: ['2', 'a'] })
  assert.equal(missingIn('2\na\n', ['2', 'a']), undefined)
  assert.equal(missingIn('3\na\n', ['2', 'a']), '2')
  assert.equal(missingIn('a\n2\n', ['2', 'a']), 'a')
})

test('a block that declares a name again begins a program of its own, with its imports', () => {
  const block = ["import { x } from './x.ts'", 'const y = x'].join('\n')
  const text = `\`\`\`ts\n${block}\n\`\`\`\n\n\`\`\`ts\nimport { x, z } from './x.ts'\n\`\`\`\n\n\`\`\`ts\n${block}\n\`\`\`\n`
  const sources = programsOf({ path: 'docs/page.md', text }).map(({ source }) => source.trim().replaceAll(/\n+/g, '\n'))
  assert.deepEqual(sources, [`${block}\nimport { z } from './x.ts'`, block])
})

test('the code of all pages type-checks against the declarations of the built package', async () => {
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    moduleDetection: 'force',
    types: ['node'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: programs.map(({ file }) => file) }))
  const { failed, stdout } = await runNode(folder, join(repository, 'node_modules/typescript/bin/tsc'), '-p', folder)
  assert.ok(!failed, `Lines are those of the pages.\n${stdout}`)
})

test('a block that is not run is TypeScript all the same', () => {
  for (const page of pages) {
    for (const { line, source } of fragmentsOf(page)) {
      assert.doesNotThrow(() => stripTypeScriptTypes(source), `${page.path}:${line}`)
    }
  }
})

test('every link inside the repository leads to a file, and to a heading in it', () => {
  const broken: string[] = []
  for (const page of pages) {
    for (const { link, file, heading } of internalLinksOf(page)) {
      const found = existsSync(join(repository, file))
      const text = found && heading !== undefined ? readFileSync(join(repository, file), 'utf8') : ''
      if (!found || (heading !== undefined && !anchorsOf(text).includes(heading))) broken.push(`${page.path}: ${link}`)
    }
  }
  assert.deepEqual(broken, [])
})

test('the index of the documentation lists every page', () => {
  const index = pages.find(({ path }) => path === 'docs/README.md')
  assert.ok(index)
  const listed = new Set(internalLinksOf(index).map(({ file }) => file))
  const missing = pages.map(({ path }) => path).filter((path) => path.startsWith('docs/') && path !== 'docs/README.md' && !listed.has(path))
  assert.deepEqual(missing, [])
})

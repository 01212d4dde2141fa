/**
 * Who may import whom, and what else the layers promise, checked on every source file: `node scripts/check-imports.ts [folder]`.
 * Prints each violation as `file:line  sentence` and exits 1. The reasons stand in ARCHITECTURE.md.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, posix, sep } from 'node:path'
import { parse } from '@babel/parser'

/** Layer → the other layers it may import. `*` stands for any one folder; a layer always knows itself. */
const LAYERS: Record<string, readonly string[]> = {
  core: [],
  'stores/sql': ['core'],
  'stores/*': ['core', 'stores/sql'],
  'delivery/*': ['core'],
  telemetry: ['core'],
  runtime: ['core'],
  http: ['core', 'runtime'],
  studio: ['core', 'runtime', 'http'],
  cli: ['core', 'runtime', 'http'],
  testing: ['core', 'runtime', 'stores/memory'],
  'index.ts': ['core', 'runtime', 'stores/memory'],
}

/** These meet adapters by dynamic import only, so that a user's install needs no driver it does not use. */
const LAZY = ['studio', 'cli']

/** Package → the one folder that may name it. A package that is not here may not be imported at all, not even for its types. */
const PACKAGES: Record<string, string> = {
  'node:sqlite': 'stores/sqlite',
  'bun:sqlite': 'stores/sqlite',
  'better-sqlite3': 'stores/sqlite',
  libsql: 'stores/sqlite',
  pg: 'stores/postgres',
  mysql2: 'stores/mysql',
  '@clickhouse/client': 'stores/clickhouse',
  kafkajs: 'delivery/kafka',
  amqplib: 'delivery/rabbitmq',
  ioredis: 'delivery/redis',
  '@opentelemetry/api': 'telemetry',
}

/** Folders whose index.ts is a subpath of the package: the only files that re-export. */
const FRONT_DOOR = /^(?:(?:stores\/(?!sql\/)|delivery\/)[^/]+\/|testing\/|http\/|studio\/|telemetry\/)?index\.ts$/

const IMPURE_CALL = /^(?:Date\.now|Math\.random|Date|set(?:Timeout|Interval|Immediate)|queueMicrotask|fetch|performance\.now)$/
const IMPURE_OBJECT = /^(?:process|crypto)$/

interface Import {
  readonly specifier: string
  readonly line: number
  readonly lazy: boolean
}
interface Finding {
  readonly file: string
  readonly line: number
  readonly sentence: string
}
type Node = { readonly type: string; readonly loc: { readonly start: { readonly line: number } }; readonly [key: string]: any }

const root = process.argv[2] ?? 'src'
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .map((file) => file.split(sep).join('/'))
  .filter((file) => file.endsWith('.ts'))
  .sort()
const findings: Finding[] = []
const graph = new Map<string, readonly (Import & { readonly target: string })[]>()

for (const file of files) {
  const report = (line: number, sentence: string) => findings.push({ file, line, sentence })
  const imports = inspect(file, report)
  for (const one of imports) checkImport(file, one, report)
  graph.set(
    file,
    imports.filter(isRelative).map((one) => ({ ...one, target: resolve(file, one.specifier) })),
  )
}
findCycles()

for (const { file, line, sentence } of findings) console.log(`${posix.join(basename(root), file)}:${line}  ${sentence}`)
if (files.length === 0) console.log(`No source file in ${root}.`)
process.exitCode = findings.length > 0 || files.length === 0 ? 1 : 0

/** The imports of a file; what else it must not do is reported on the way. */
function inspect(file: string, report: (line: number, sentence: string) => void): Import[] {
  const imports: Import[] = []
  const source = readFileSync(posix.join(root, file), 'utf8')
  const { program } = parse(source, { sourceType: 'module', plugins: ['typescript', 'explicitResourceManagement'] })
  const pure = layerOf(file) === 'core'

  walk(program as unknown as Node, (node) => {
    const line = node.loc.start.line
    const add = (specifier: string, lazy = false) => imports.push({ specifier, line, lazy })

    if (node.type === 'ImportDeclaration') add(node.source.value)
    if (node.type === 'TSImportType') add(node.argument.value ?? node.argument.literal?.value)
    if (node.type === 'CallExpression' && node.callee.type === 'Import' && node.arguments[0]?.type === 'StringLiteral')
      add(node.arguments[0].value, true)
    if (/^Export(Named|All)Declaration$/.test(node.type) && node.source) {
      add(node.source.value)
      if (!FRONT_DOOR.test(file))
        report(line, 'Only the index.ts of a public folder re-exports; import the file itself where it is needed.')
    }

    if (comparesStoreName(node)) report(line, 'A store is never asked for its name; ask its capabilities.')
    const impure = pure && impurity(node)
    if (impure) report(line, `core is pure: ${impure} comes in through a port.`)
  })
  return imports
}

function checkImport(file: string, { specifier, line, lazy }: Import, report: (line: number, sentence: string) => void): void {
  const layer = layerOf(file)
  if (isRelative({ specifier })) {
    const target = resolve(file, specifier)
    if (target.startsWith('..')) return void report(line, `${specifier} is outside the sources.`)
    const other = layerOf(target)
    const allowed = LAYERS[layer] ?? LAYERS[layer.replace(/[^/]+$/, '*')]
    if (!allowed) return void report(line, `${layer} is not in the table of layers.`)
    const adapter = /^(?:stores|delivery)\//.test(other) && other !== 'stores/sql'
    if (layer === other || allowed.includes(other) || (lazy && adapter && LAZY.includes(layer))) return
    report(line, `${layer} may not import ${other}; it knows ${allowed.join(', ') || 'only itself'}.`)
  } else {
    const name = specifier.match(/^(?:node:.+|@[^/]+\/[^/]+|[^/]+)/)![0]
    const home = PACKAGES[name]
    if (home ? layer !== home : !name.startsWith('node:'))
      report(line, `${name} may be imported from ${home ?? 'nowhere in the sources'}${home ? ' only' : ''}.`)
    else if (name.startsWith('node:') && layer === 'core') report(line, `core is pure: it may not import ${name}.`)
  }
}

/** `core/event.ts` → `core`, `stores/sqlite/read.ts` → `stores/sqlite`, `index.ts` → `index.ts`. */
function layerOf(file: string): string {
  return /^(?:(?:stores|delivery)\/[^/]+|[^/]+)/.exec(file)![0]
}

function isRelative({ specifier }: Pick<Import, 'specifier'>): boolean {
  return specifier.startsWith('.')
}

function resolve(file: string, specifier: string): string {
  return posix.join(posix.dirname(file), specifier)
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node)
  for (const value of Object.values(node))
    for (const child of Array.isArray(value) ? value : [value]) if (typeof child?.type === 'string' && child.loc) walk(child, visit)
}

/** `Math.random` for that member access, `setTimeout` for that identifier; `globalThis.` is looked through. */
function dotted(node: Node): string {
  if (node.type === 'Identifier') return node.name
  if (!/^(Optional)?MemberExpression$/.test(node.type) || node.computed) return ''
  return `${dotted(node.object)}.${node.property.name}`.replace(/^globalThis\./, '')
}

function impurity(node: Node): string | undefined {
  if (node.type === 'NewExpression' && dotted(node.callee) === 'Date' && node.arguments.length === 0) return '`new Date()`'
  if (/^(Optional)?CallExpression$/.test(node.type) && IMPURE_CALL.test(dotted(node.callee))) return `\`${dotted(node.callee)}()\``
  if (/^(Optional)?MemberExpression$/.test(node.type) && IMPURE_OBJECT.test(dotted(node.object))) return `\`${dotted(node)}\``
  return undefined
}

function comparesStoreName(node: Node): boolean {
  const isName = (side: Node) => /(^|\.)\w*store\.name$/i.test(dotted(side))
  if (node.type === 'SwitchStatement') return isName(node.discriminant)
  return node.type === 'BinaryExpression' && /^[!=]==?$/.test(node.operator) && (isName(node.left) || isName(node.right))
}

/** Depth-first; an import of a file that is still being visited closes a cycle. Type-only imports count. */
function findCycles(): void {
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    for (const { target, line } of graph.get(file) ?? []) {
      const start = path.indexOf(target)
      if (start >= 0) findings.push({ file, line, sentence: `Import cycle: ${[...path.slice(start), target].join(' → ')}.` })
      else if (!done.has(target)) visit(target, [...path, target])
    }
    done.add(file)
  }
  for (const file of files) if (!done.has(file)) visit(file, [file])
}

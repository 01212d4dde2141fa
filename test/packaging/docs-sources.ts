/** What the sources say about options, signals and errors, for comparing it with what the reference pages say. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ParserOptions, parse } from '@babel/parser'
import { repository } from './docs-pages.ts'

/** A member of an options object; nested objects are spelled with dots. */
export interface Option {
  readonly name: string
  readonly required: boolean
}

/** A class in `errors.ts`. */
export interface ErrorClass {
  readonly name: string
  readonly code: string
  readonly retryable: 'retryable' | 'not retryable' | 'retryable unless it says otherwise'
  /** Its own, beside `code` and `retryable`. */
  readonly fields: readonly string[]
}

type Node = { readonly type: string } & Readonly<Record<string, any>>

const options: ParserOptions = { sourceType: 'module', plugins: ['typescript'] }
const parsed = new Map<string, { readonly text: string; readonly statements: readonly Node[] }>()

function fileOf(path: string): { readonly text: string; readonly statements: readonly Node[] } {
  const known = parsed.get(path)
  if (known) return known
  const text = readFileSync(join(repository, path), 'utf8')
  const statements = (parse(text, options).program.body as Node[]).map((node) => node.declaration ?? node)
  const file = { text, statements }
  parsed.set(path, file)
  return file
}

function declaration(path: string, name: string): Node {
  const found = fileOf(path).statements.find((node) => node.id?.name === name)
  if (!found) throw new Error(`${path} declares no ${name}.`)
  return found
}

/**
 * The options that a source declares.
 *
 * @param source  `src/file.ts Name` for an interface or a type, `src/file.ts name(parameter)` for an inline parameter,
 *                `src/file.ts name(parameter)2` for the second parameter of that name inside it.
 */
export function optionsOf(source: string): readonly Option[] {
  const match = /^(\S+) (\w+)(?:\((\w+)\)(\d)?)?$/.exec(source)
  if (!match) throw new Error(`"${source}" does not name a source.`)
  const [, path = '', name = '', parameter, place = '1'] = match
  const node = declaration(path, name)
  const found = parameter === undefined ? node : parametersNamed(parameter, node)[Number(place) - 1]
  if (!found) throw new Error(`${source}: there is no such parameter.`)
  const byName = new Map<string, Option>()
  for (const option of membersOf(path, found)) {
    const required = option.required && (byName.get(option.name)?.required ?? true)
    byName.set(option.name, { name: option.name, required })
  }
  return [...byName.values()]
}

function parametersNamed(name: string, node: unknown): Node[] {
  if (typeof node !== 'object' || node === null) return []
  if (Array.isArray(node)) return node.flatMap((one) => parametersNamed(name, one))
  const self = node as Node
  const inside = Object.entries(self).flatMap(([key, value]) => (key === 'loc' ? [] : parametersNamed(name, value)))
  return self.type === 'Identifier' && self.name === name && self.typeAnnotation ? [self.typeAnnotation, ...inside] : inside
}

function membersOf(path: string, node: Node): Option[] {
  switch (node.type) {
    case 'TSInterfaceDeclaration':
      return node.body.body.flatMap((member: Node) => memberOf(path, member))
    case 'TSTypeLiteral':
      return node.members.flatMap((member: Node) => memberOf(path, member))
    case 'TSTypeAliasDeclaration':
    case 'TSTypeAnnotation':
    case 'TSParenthesizedType':
      return membersOf(path, node.typeAnnotation)
    case 'TSIntersectionType':
      return node.types.flatMap((type: Node) => membersOf(path, type))
    case 'TSConditionalType':
      return [...membersOf(path, node.trueType), ...membersOf(path, node.falseType)]
    case 'TSTypeReference': {
      // Only what the same file declares: what comes from elsewhere has a table of its own.
      const target = fileOf(path).statements.find((one) => one.id?.name === node.typeName?.name)
      return target ? membersOf(path, target) : []
    }
    default:
      return []
  }
}

function memberOf(path: string, member: Node): Option[] {
  if (member.type !== 'TSPropertySignature' && member.type !== 'TSMethodSignature') return []
  const name: string = member.key.name ?? member.key.value
  const type: Node | undefined = member.typeAnnotation?.typeAnnotation
  if (name.startsWith('~') || type?.type === 'TSNeverKeyword') return []
  if (type?.type === 'TSTypeLiteral') {
    return membersOf(path, type).map((inner) => ({ name: `${name}.${inner.name}`, required: inner.required }))
  }
  return [{ name, required: member.optional !== true }]
}

/** The fields of each signal, by its name. */
export function signalFields(): ReadonlyMap<string, readonly string[]> {
  const path = 'src/core/observer.ts'
  const signals: Node[] = declaration(path, 'Signals').body.body
  return new Map(signals.map((signal) => [signal.key.value, membersOf(path, signal.typeAnnotation.typeAnnotation).map(({ name }) => name)]))
}

/** The error classes, by code. */
export function errorClasses(): ReadonlyMap<string, ErrorClass> {
  const { text, statements } = fileOf('src/core/errors.ts')
  const classes = statements.filter((node) => node.type === 'ClassDeclaration' && node.superClass?.name === 'DacapoError')
  return new Map(
    classes.map((node) => {
      const body = text.slice(node.start, node.end)
      const code = /super\(\s*'(\w+)'/.exec(body)?.[1] ?? ''
      const fields = node.body.body.filter((member: Node) => member.type === 'ClassProperty').map((member: Node) => member.key.name)
      const retryable = body.includes('retryable: true, ...options')
        ? 'retryable unless it says otherwise'
        : body.includes('retryable: true')
          ? 'retryable'
          : 'not retryable'
      return [code, { name: node.id.name, code, retryable, fields } as const]
    }),
  )
}

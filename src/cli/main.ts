#!/usr/bin/env node
/** The `dacapo` command. Exits with 0, with 1 when it could not do what was asked, with 2 when it was asked wrongly. */
import { readFileSync } from 'node:fs'
import { assertNode } from '../runtime/assert-node.ts'
import { help, readArguments } from './arguments.ts'
import { explain, isUsage } from './explain.ts'
import { migrate } from './migrate.ts'

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error // `dacapo migrate --print | head`: nobody reads on
})

try {
  assertNode()
  const given = readArguments(process.argv.slice(2), process.env)
  if (given.kind === 'help') console.log(help)
  else if (given.kind === 'version') console.log(versionOfPackage())
  else await migrate(given, console.log)
} catch (error) {
  console.error(`dacapo: ${explain(error)}`)
  if (isUsage(error)) console.error(`\n${help}`)
  process.exitCode = isUsage(error) ? 2 : 1
}

function versionOfPackage(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}

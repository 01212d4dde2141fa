/** Installs what Dacapo is measured beside, into this folder alone, when it is not there as the lock file says. */
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'

const folder = import.meta.dirname

/** Their columns stay empty when this fails; everything else can be measured. */
export function installPeers(): void {
  const installed = statSync(join(folder, 'node_modules', '.package-lock.json'), { throwIfNoEntry: false })
  if (installed && installed.mtimeMs >= statSync(join(folder, 'package-lock.json')).mtimeMs) return
  console.error('installing the peers; a native driver is built for one of them, which takes a minute')
  const npm = process.env['npm_execpath']
  const [program, first] = npm ? [process.execPath, [npm]] : ['npm', []]
  const { status } = spawnSync(program, [...first, 'ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: ['ignore', 2, 2] })
  if (status !== 0) console.error('the peers could not be installed: their columns stay empty')
}

/** `npm test`: the checks in order, cheapest first; it stops at the first that fails and shows what that one said. */
import { spawnSync } from 'node:child_process'
import { styleText } from 'node:util'

const STEPS = ['lint', 'typecheck', 'imports', 'build', 'package', 'test:all'] as const

for (const step of STEPS) {
  const live = step === 'test:all'
  const started = performance.now()
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--run', step], {
    stdio: ['ignore', live ? 'inherit' : 'pipe', live ? 'inherit' : 'pipe'],
    encoding: 'utf8',
  })
  const seconds = `${((performance.now() - started) / 1000).toFixed(1)} s`

  if (status !== 0) {
    if (!live) console.log(stdout + stderr)
    console.log(`${styleText('red', '✖')} ${step}  ${styleText('dim', seconds)}`)
    process.exit(1)
  }
  console.log(`${styleText('green', '✔')} ${step}  ${styleText('dim', seconds)}`)
}

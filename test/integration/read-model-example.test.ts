/** The example of read models: it prints what its page says, and its models keep the contract. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { redisModel } from '../../examples/read-model/redis-model.ts'
import { runReadModelContract } from '../../src/testing/read-model-contract.ts'
import { hasRedis, startRedis } from './redis.ts'

const example = join(import.meta.dirname, '../../examples/read-model')

test('the program prints what its page says, with a Map', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dacapo-read-model-'))
  const env = { ...process.env, BANK_FILE: join(folder, 'bank.db') }
  const { stdout } = await promisify(execFile)(process.execPath, [join(example, 'main.ts')], { env })
  rmSync(folder, { recursive: true })
  assert.ok(readFileSync(join(example, 'README.md'), 'utf8').includes(`\`\`\`\n${stdout}\`\`\``), stdout)
})

if (hasRedis) {
  const redis = await startRedis()
  after(() => redis.stop())
  let made = 0
  await runReadModelContract(
    {
      name: 'Redis',
      async open() {
        const prefix = `case-${++made}`
        const [client, other] = [await redis.connect(), await redis.connect()]
        return {
          model: redisModel(client, prefix),
          reopen: () => redisModel(other, prefix),
          cleanUp() {
            client.close()
            other.close()
          },
        }
      },
    },
    { test, skip: (sentence) => assert.fail(sentence) },
  )
} else {
  test('Redis: the contract of read models is kept', { skip: 'there is no redis-server on this machine' }, () => {})
}

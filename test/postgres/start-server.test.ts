/** The servers that tests start for themselves: they lose nothing when they are killed, and nothing is left of them at the end. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { installations } from '../../scripts/postgres/installations.ts'
import { startServer } from '../../scripts/postgres/start-server.ts'

async function ask(server: { readonly url: string }, sql: string): Promise<readonly unknown[]> {
  const client = new Client(server.url)
  await client.connect()
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat()
  } finally {
    await client.end()
  }
}

/** Whether a process works; one that has ended and that nobody has asked about does not. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    const status = `/proc/${pid}/stat`
    return !existsSync(status) || !/^\d+ \(.*\) Z/.test(readFileSync(status, 'utf8'))
  } catch {
    return false
  }
}

for (const { version } of await installations()) {
  const server = await startServer({ version })
  after(() => server.end())

  test(`PostgreSQL ${version}: a server is of the version that was asked for, and it waits for the disk unless it is told otherwise`, async () => {
    const told = await ask(server, `select current_setting('server_version_num')::int / 10000, current_setting('fsync')`)
    assert.deepEqual(told, [Number(version), 'on'])
  })

  for (const end of ['kill', 'stop'] as const) {
    test(`PostgreSQL ${version}: what was committed is there after ${end} and restart, on the same address, in another process`, async () => {
      await ask(server, `create table ${end} as select 'A' as id`)
      const { pid } = server
      await server[end]()
      assert.equal(runs(pid), false)
      await assert.rejects(ask(server, 'select 1'), { code: 'ECONNREFUSED' })
      await server.restart()
      assert.notEqual(server.pid, pid)
      assert.deepEqual(await ask(server, `select id from ${end}`), ['A'])
    })
  }

  test(`PostgreSQL ${version}: a server ends with the process that has started it, even when that one is killed, and leaves no folder`, async () => {
    const source = `
      const { startServer } = await import(${JSON.stringify(new URL('../../scripts/postgres/start-server.ts', import.meta.url).href)})
      const server = await startServer({ version: '${version}' })
      const { Client } = await import('pg')
      const client = new Client(server.url)
      await client.connect()
      const { rows } = await client.query('show data_directory')
      console.log(JSON.stringify({ pid: server.pid, folder: rows[0].data_directory }))
      setInterval(() => {}, 1000)`
    const owner = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: import.meta.dirname,
    })
    const [line] = await once(owner.stdout, 'data')
    const { pid, folder } = JSON.parse(String(line))
    assert.ok(runs(pid) && existsSync(folder))
    owner.kill('SIGKILL')
    while (runs(pid) || existsSync(folder)) await pause(20) // the guard does it in its own time; a test that hangs here has found a leak
  })
}

test('a version that is not installed is refused with those that are', async () => {
  await assert.rejects(startServer({ version: '7' }), /PostgreSQL 7 is not installed; there is /)
})

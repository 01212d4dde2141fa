/** A Redis server of a test's own, where the machine has one, and a connection that can send a command: no client is needed for that. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Whether there is a `redis-server` to start. */
export const hasRedis = spawnSync('redis-server', ['--version']).status === 0

/** Starts a server that listens on a socket file; nothing of it is left when it has stopped. */
export async function startRedis() {
  const folder = mkdtempSync(join(tmpdir(), 'dacapo-redis-'))
  const path = join(folder, 'socket')
  const server = spawn('redis-server', ['--port', '0', '--unixsocket', path, '--dir', folder, '--save', ''], { stdio: 'ignore' })
  return {
    connect: () => connection(path, server),
    async stop() {
      const gone = new Promise((resolve) => server.once('exit', resolve))
      server.kill()
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A connection; commands are answered in their order. */
async function connection(path: string, server: ChildProcess) {
  const socket = await connected(path, server)
  const waiting: { readonly resolve: (answer: unknown) => void; readonly reject: (error: Error) => void }[] = []
  let received = Buffer.alloc(0)
  socket.on('data', (data) => {
    received = Buffer.concat([received, data])
    for (let answer = parse(received, 0); answer; answer = parse(received, 0)) {
      received = received.subarray(answer.end)
      const first = waiting.shift()
      if (answer.value instanceof Error) first?.reject(answer.value)
      else first?.resolve(answer.value)
    }
  })
  return {
    sendCommand(command: readonly string[]): Promise<unknown> {
      const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`)
      socket.write(`*${command.length}\r\n${parts.join('')}`)
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
    },
    close: () => void socket.end(),
  }
}

/** The server makes its socket when it is ready. */
async function connected(path: string, server: ChildProcess): Promise<Socket> {
  for (;;) {
    const socket = connect(path)
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    if (isOpen) return socket
    if (server.exitCode !== null) throw new Error(`redis-server ended with ${server.exitCode}.`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** One answer in the protocol of Redis, and where it ends; `undefined`: it is not all there yet. */
function parse(bytes: Buffer, start: number): { readonly value: unknown; readonly end: number } | undefined {
  const line = bytes.indexOf('\r\n', start)
  if (line < 0) return undefined
  const [kind, text] = [String.fromCharCode(bytes[start] as number), bytes.toString('utf8', start + 1, line)]
  const end = line + 2
  if (kind === '+') return { value: text, end }
  if (kind === '-') return { value: new Error(text), end }
  if (kind === ':') return { value: Number(text), end }
  const length = Number(text)
  if (length < 0) return { value: null, end }
  if (kind === '$')
    return bytes.length < end + length + 2 ? undefined : { value: bytes.toString('utf8', end, end + length), end: end + length + 2 }
  const list: unknown[] = []
  let at = end
  while (list.length < length) {
    const one = parse(bytes, at)
    if (!one) return undefined
    list.push(one.value)
    at = one.end
  }
  return { value: list, end: at }
}

/** A network between a client and a PostgreSQL server that can be made to fail at a chosen moment. It speaks plain text only, no TLS. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Messages, textsOf, typeOf } from './messages.ts'

/**
 * What becomes of a request: its answer is lost after the server has carried it out, or it never arrives.
 * Both look the same to the client, whose connection is gone.
 */
export type Fault = 'lose the answer' | 'lose the request'

export interface PostgresProxy {
  /** Like the server's, on the proxy's port. */
  readonly url: string
  /** How many connections there are. */
  readonly connections: number
  /** How long an answer takes longer than it has to. */
  delayMs: number
  /** Cuts all connections at once. */
  cut(): void
  /** Cuts new connections before they reach the server, until `accept()`. */
  refuse(): void
  accept(): void
  /**
   * Spoils the next request whose SQL matches, on whatever connection, and cuts that connection.
   * @returns when it has happened: the server is done with the request, or gone, or will never see it.
   */
  spoilNext(fault: Fault, sql?: RegExp): Promise<void>
  close(): Promise<void>
}

interface Plan {
  readonly fault: Fault
  readonly sql: RegExp
  readonly happened: () => void
}

/** @param server  It need not run yet, and may be started again on the same port. */
export async function startProxy(server: { readonly url: string }): Promise<PostgresProxy> {
  const target = new URL(server.url)
  const links = new Set<Link>()
  const plans: Plan[] = []
  let refusing = false

  const listener = createServer((client) => {
    if (refusing) return void client.resetAndDestroy()
    const upstream = connect({ host: target.hostname, port: Number(target.port || 5432), noDelay: true })
    const link = new Link(client.setNoDelay(), upstream, plans, () => proxy.delayMs)
    links.add(link)
    client.once('close', () => links.delete(link))
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')

  const url = new URL(server.url)
  url.port = String((listener.address() as AddressInfo).port)
  url.hostname = '127.0.0.1'
  const proxy: PostgresProxy = {
    url: url.href,
    get connections() {
      return links.size
    },
    delayMs: 0,
    cut() {
      for (const link of links) link.cut()
    },
    refuse() {
      refusing = true
    },
    accept() {
      refusing = false
    },
    spoilNext: (fault, sql = /^\s*commit/i) => new Promise((happened) => plans.push({ fault, sql, happened })),
    async close() {
      proxy.cut()
      listener.close()
      await once(listener, 'close')
    },
  }
  return proxy
}

/** One connection through the proxy. */
class Link {
  readonly #client: Socket
  readonly #upstream: Socket
  readonly #plans: Plan[]
  readonly #delayMs: () => number
  /** SQL of the statements that the client has prepared; a later bind names them only. */
  readonly #prepared = new Map<string, string>()
  /** Answers end with `ready`; how many of them the client has still to get. */
  #answersDue = 0
  #started = false
  readonly #delayed: (() => void)[] = []
  /** The plan that a request met whose answer is to be lost, and which of the due answers that is. */
  #losing: { readonly plan: Plan; answersBefore: number } | undefined

  constructor(client: Socket, upstream: Socket, plans: Plan[], delayMs: () => number) {
    this.#client = client
    this.#upstream = upstream
    this.#plans = plans
    this.#delayMs = delayMs
    const fromClient = new Messages('client')
    const fromServer = new Messages('server')
    client.on('data', (chunk) => {
      for (const message of fromClient.push(chunk as Buffer)) this.#request(message)
    })
    upstream.on('data', (chunk) => {
      for (const message of fromServer.push(chunk as Buffer)) this.#answer(message)
    })
    for (const socket of [client, upstream]) socket.on('error', () => {}) // 'close' follows
    client.on('close', () => upstream.destroySoon())
    // The last words of a server that ends a connection are for the client.
    upstream.on('close', () => this.#later(() => this.#close()))
  }

  /** Without a goodbye, as when a cable is pulled and somebody notices. */
  cut(): void {
    this.#client.resetAndDestroy()
    this.#upstream.destroy()
    this.#losing?.plan.happened()
  }

  #close(): void {
    this.#client.destroySoon()
    this.#losing?.plan.happened()
  }

  #request(message: Buffer): void {
    const plan = this.#started ? this.#planFor(message) : undefined
    if (plan?.fault === 'lose the request') {
      this.cut()
      plan.happened()
      return
    }
    if (plan) this.#losing = { plan, answersBefore: this.#answersDue }
    // The first message is answered with `ready` as well, when the server has let the client in.
    if (!this.#started || 'QS'.includes(typeOf(message))) this.#answersDue++
    this.#started = true
    if (this.#upstream.writable) this.#upstream.write(message)
  }

  #answer(message: Buffer): void {
    const ready = typeOf(message) === 'Z'
    if (ready) this.#answersDue--
    if (this.#losing?.answersBefore === 0) {
      if (ready) this.cut()
      return
    }
    if (ready && this.#losing) this.#losing.answersBefore--
    this.#later(() => this.#client.writable && this.#client.write(message))
  }

  /** Does it after the delay; what came first is done first, also when the delay has changed meanwhile. */
  #later(work: () => void): void {
    if (this.#delayMs() === 0 && this.#delayed.length === 0) work()
    else {
      this.#delayed.push(work)
      setTimeout(() => this.#delayed.shift()!(), this.#delayMs()).unref()
    }
  }

  #planFor(message: Buffer): Plan | undefined {
    const sql = this.#sqlOf(message)
    const index = sql === undefined || this.#losing ? -1 : this.#plans.findIndex((plan) => plan.sql.test(sql))
    return index < 0 ? undefined : this.#plans.splice(index, 1)[0]
  }

  /** The SQL that a message carries out. */
  #sqlOf(message: Buffer): string | undefined {
    switch (typeOf(message)) {
      case 'Q':
        return textsOf(message, 1)[0]
      case 'P': {
        const [name, sql] = textsOf(message, 2)
        this.#prepared.set(name!, sql!)
        return undefined // the bind that follows carries it out
      }
      case 'B':
        return this.#prepared.get(textsOf(message, 2)[1]!)
      default:
        return undefined
    }
  }
}

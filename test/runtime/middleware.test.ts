import assert from 'node:assert/strict'
import { createApp, type Middleware, reject } from '../../src/index.ts'
import { closeAccount, deposit, openAccount, withdraw } from '../domain/bank.ts'
import { brokenDown } from './odd-commands.ts'
import { type Given, onEveryStore } from './on-every-store.ts'
import { ann, counted, teller } from './open-bank.ts'

const by = { actor: ann }

const openWithMiddleware = ({ store, clock, tend }: Given, ...middleware: readonly Middleware[]) =>
  tend(createApp({ store, clock, commands: [openAccount, deposit, withdraw, closeAccount], middleware }))

onEveryStore('middleware is an onion: the first one is outermost', async (given) => {
  const steps: string[] = []
  const layer =
    (name: string): Middleware =>
    async (context, next) => {
      steps.push(`${name} ${context.command}`)
      const outcome = await next()
      steps.push(`${name} ${outcome.ok ? outcome.receipt.version : 'no'}`)
      return outcome
    }
  const app = openWithMiddleware(given, layer('outer'), layer('middle'), layer('inner'))
  await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), by)
  assert.deepEqual(steps, ['outer OpenAccount', 'middle OpenAccount', 'inner OpenAccount', 'inner 1', 'middle 1', 'outer 1'])
})

onEveryStore('without middleware, and with one that only passes on, the outcome is the same', async (given) => {
  const plain = openWithMiddleware(given)
  const passing = openWithMiddleware(given, (_, next) => next())
  const first = await plain.execute(openAccount({ accountId: 'a', owner: 'ann' }), { ...by, idempotencyKey: 'k' })
  const second = await passing.execute(openAccount({ accountId: 'a', owner: 'ann' }), { ...by, idempotencyKey: 'k' })
  assert.deepEqual(second, { ...first, duplicate: true })
})

onEveryStore('middleware sees the command as it was given, before it is parsed', async (given) => {
  const seen: unknown[] = []
  const app = openWithMiddleware(given, ({ command, input, tenant, actor, executionId, signal }, next) => {
    seen.push([command, input, tenant, actor, typeof executionId, signal])
    return next()
  })
  const { signal } = new AbortController()
  await assert.rejects(app.forTenant('acme').execute({ command: 'Deposit', input: { amount: 'much' } }, { ...by, signal }), {
    code: 'ES_VALIDATION',
  })
  assert.deepEqual(seen, [['Deposit', { amount: 'much' }, 'acme', ann, 'string', signal]])
})

onEveryStore('middleware may say who really asks, and add to the metadata and to the context', async (given) => {
  const authorized: unknown[] = []
  const app = given.tend(
    createApp({
      store: given.store,
      clock: given.clock,
      commands: [openAccount],
      authorize: ({ actor, context }) => authorized.push([actor, context]) > 0,
      middleware: [
        async (context, next) => {
          context.actor = teller
          context.context['locale'] = 'de'
          Object.assign(context.metadata, { ip: '::1' })
          return next()
        },
      ],
    }),
  )
  const options = { actor: ann, metadata: { page: 7 }, context: { theme: 'dark' } }
  const { events } = await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), options)
  assert.deepEqual(authorized, [[teller, { theme: 'dark', locale: 'de' }]])
  const { actor, ip, page } = events[0]!.metadata as Record<string, unknown>
  assert.deepEqual([actor, ip, page], [teller, '::1', 7])
  assert.deepEqual(options, { actor: ann, metadata: { page: 7 }, context: { theme: 'dark' } }, 'what the caller holds is left alone')
})

onEveryStore('middleware may answer by itself: then nothing runs', async (given) => {
  const { store, calls } = counted(given.store)
  const app = openWithMiddleware({ ...given, store }, () => ({ ok: false, rejection: reject('Maintenance'), duplicate: false }))
  const outcome = await app.attempt(openAccount({ accountId: 'a', owner: 'ann' }), by)
  assert.deepEqual(outcome, { ok: false, rejection: reject('Maintenance'), duplicate: false })
  await assert.rejects(app.execute(openAccount({ accountId: 'a', owner: 'ann' }), by), {
    code: 'ES_REJECTED',
    rejection: reject('Maintenance'),
  })
  assert.equal(calls['append'] ?? 0, 0)
  assert.equal((await app.stats()).commands.rejected, 2)
})

onEveryStore('middleware may change the outcome on its way out', async (given) => {
  const app = openWithMiddleware(given, async (_, next) => {
    const outcome = await next()
    return outcome.ok ? outcome : { ...outcome, rejection: reject('Sorry', { because: outcome.rejection.code }) }
  })
  await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), by)
  const outcome = await app.attempt({ command: 'OpenAccount', input: { accountId: 'a', owner: 'bob' } }, by)
  assert.deepEqual(outcome, { ok: false, rejection: reject('Sorry', { because: 'AlreadyOpen' }), duplicate: false })
})

onEveryStore('what middleware throws reaches the caller as it is, and those outside of it may catch it', async (given) => {
  const app = openWithMiddleware(
    given,
    async ({ command }, next) => {
      try {
        return await next()
      } catch (error) {
        if (command === 'Deposit') return { ok: false, rejection: reject('Caught', { same: error === brokenDown }), duplicate: false }
        throw error
      }
    },
    () => {
      throw brokenDown
    },
  )
  await assert.rejects(app.execute(openAccount({ accountId: 'a', owner: 'ann' }), by), (error) => error === brokenDown)
  const caught = await app.attempt(deposit({ accountId: 'a', amount: 1 }), by)
  assert.deepEqual(caught, { ok: false, rejection: reject('Caught', { same: true }), duplicate: false })
})

onEveryStore('an error of a command passes through middleware', async (given) => {
  const seen: unknown[] = []
  const app = openWithMiddleware(given, async (_, next) => {
    try {
      return await next()
    } catch (error) {
      seen.push((error as { code: string }).code)
      throw error
    }
  })
  await assert.rejects(app.execute(withdraw({ accountId: 'a', amount: 1 }), by), { code: 'ES_FORBIDDEN' })
  assert.deepEqual(seen, ['ES_FORBIDDEN'])
})

onEveryStore('middleware that forgets to return the outcome is refused by name', async (given) => {
  const forgetful = async (_: unknown, next: () => Promise<unknown>) => {
    await next()
  }
  const app = openWithMiddleware(given, forgetful as never)
  await assert.rejects(app.execute(openAccount({ accountId: 'a', owner: 'ann' }), by), {
    code: 'ES_DEFINITION',
    message: /Middleware forgetful must return/,
  })
})

onEveryStore('middleware may try again', async (given) => {
  let failures = 2
  const app = openWithMiddleware(
    given,
    async (_, next) => {
      for (;;) {
        try {
          return await next()
        } catch (error) {
          if (error !== brokenDown) throw error
        }
      }
    },
    async (_, next) => {
      if (failures-- > 0) throw brokenDown
      return next()
    },
  )
  assert.equal((await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), by)).version, 1)
})

onEveryStore('middleware runs around each command of a transaction', async (given) => {
  const seen: string[] = []
  const app = openWithMiddleware(given, ({ command }, next) => {
    seen.push(command)
    return next()
  })
  await app.transaction(async (tx) => {
    await tx.execute(openAccount({ accountId: 'a', owner: 'ann' }), by)
    await tx.attempt(deposit({ accountId: 'a', amount: 1 }), by)
  })
  assert.deepEqual(seen, ['OpenAccount', 'Deposit'])
})

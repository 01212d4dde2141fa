/** What observers are told of middleware. */
import type { MaybePromise } from '../../core/command.ts'
import type { Signals } from '../../core/observer.ts'
import type { Engine } from '../engine.ts'

/** Runs a layer as it would run unwatched. */
export async function watchLayer<T>(
  tell: NonNullable<Engine['tell']>,
  clock: Engine['clock'],
  { tenant, command, executionId }: Pick<Signals['middleware.start'], 'tenant' | 'command' | 'executionId'>,
  layer: number,
  name: string,
  run: () => MaybePromise<T>,
): Promise<T> {
  const about = { tenant, command, executionId, layer, name }
  const startedAt = clock.now()
  tell({ signal: 'middleware.start', ...about })
  try {
    const outcome = await run()
    tell({ signal: 'middleware.stop', ...about, durationMs: clock.now() - startedAt })
    return outcome
  } catch (error) {
    tell({ signal: 'middleware.exception', ...about, error, durationMs: clock.now() - startedAt })
    throw error
  }
}

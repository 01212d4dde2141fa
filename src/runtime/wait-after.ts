/** After a command: waits for those who were asked for. The waiting itself is loaded only when somebody waits. */
import { toMs } from '../core/duration.ts'
import type { Receipt } from '../core/outcome.ts'
import type { ExecuteOptions } from './command/execute-command.ts'
import type { Engine } from './engine.ts'
import type { WaitFor } from './subscription/wait-for.ts'

/** Before the command, when somebody is named. @throws WaitCycleError (`ES_WAIT_CYCLE`): nothing was executed. */
export async function waitBefore(engine: Engine, waitFor: WaitFor): Promise<void> {
  const { assertNotItself } = await import('./subscription/wait-for.ts')
  assertNotItself(engine, waitFor)
}

/** @throws DeadLetteredError (`ES_DEAD_LETTERED`), TimedOutError (`ES_TIMED_OUT`): the command was executed. */
export async function waitAfter(engine: Engine, command: string, receipt: Receipt, options: ExecuteOptions): Promise<void> {
  const { consistency = engine.settings.consistency, waitFor = consistency === 'strong' ? 'all' : [], waitTimeout, signal } = options
  if (waitFor.length === 0 || receipt.events.length === 0) return
  const timeoutMs = waitTimeout === undefined ? engine.settings.waitTimeoutMs : toMs(waitTimeout, 'waitTimeout')
  const { waitForReceipt } = await import('./subscription/wait-for.ts')
  await waitForReceipt(engine, `waitFor of ${command}`, receipt, waitFor, timeoutMs, signal)
}

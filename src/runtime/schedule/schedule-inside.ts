/** Scheduling inside a transaction: what is scheduled is kept with whatever else the transaction writes, or not at all. */
import { ValidationError } from '../../core/errors.ts'
import type { StoreTransaction } from '../../core/event-store.ts'
import type { CommandRequest } from '../command/execute-command.ts'
import type { Engine } from '../engine.ts'
import { slotOf } from '../subscription/slots.ts'
import { type AnyScheduleOptions, makeSchedule } from './make-schedule.ts'
import { scheduleName } from './schedule.ts'
import { type ScheduledCommand, toScheduled } from './schedules.ts'

/** @throws ValidationError (`ES_VALIDATION`) with an id: everybody who schedules under the same one would wait for the transaction's end. */
export async function scheduleInside(
  engine: Engine,
  tenant: string,
  transaction: Pick<StoreTransaction, 'keep'>,
  request: CommandRequest,
  options: AnyScheduleOptions,
): Promise<ScheduledCommand> {
  const made = await makeSchedule(engine, request, options)
  const { made: id, command, due: dueAt, everyMs } = made
  if (options.id !== undefined) {
    const message = 'cannot be chosen in a transaction, which makes the schedule once anyway'
    throw new ValidationError(`schedule ${command}`, [{ message, path: ['id'] }])
  }
  const name = scheduleName(tenant, id)
  await transaction.keep({ ...name, slot: slotOf(tenant, id), status: 'waiting', dueAt, body: JSON.stringify(made) })
  engine.tell?.({ signal: 'schedule.set', tenant, schedule: id, command, dueAt, everyMs })
  return toScheduled(tenant, id, made, 'waiting')
}

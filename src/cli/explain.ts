/** What went wrong, in one sentence for the person at the keyboard. */
import { DacapoError } from '../core/errors.ts'
import { UsageError } from './arguments.ts'
import { FileKept } from './write-scripts.ts'

/** Whether the command line is to be written differently. */
export const isUsage = (error: unknown): boolean => error instanceof UsageError || (DacapoError.is(error) && error.code === 'ES_DEFINITION')

/** A mistake of ours has no sentence: there it is the stack that helps. */
export function explain(error: unknown): string {
  if (error instanceof UsageError || error instanceof FileKept) return error.message
  if (DacapoError.is(error)) {
    const { code, message, retryable } = error
    return `${message}${retryable ? ' Check the address and the server, then run it again.' : ''} (${code})`
  }
  const { code, path, message, stack } = error as NodeJS.ErrnoException
  return code !== undefined && path !== undefined ? `${path} cannot be written: ${message.split(',')[0]}.` : (stack ?? String(error))
}

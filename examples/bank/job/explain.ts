/** Why the job stopped, in one sentence for the person who started it. */
import { DacapoError } from 'dacapo'
import { UsageError } from './options.ts'

/** @throws the error itself when nobody foresaw it: that is a bug, and its stack trace is what helps. */
export function explain(error: unknown): string {
  if (error instanceof UsageError || DacapoError.is(error)) return error.message
  const { code, path, message } = error as NodeJS.ErrnoException
  if (code?.startsWith('ERR_PARSE_ARGS')) return `${message.split(/\.\s|\.$|\n/)[0]}: --help lists the options.`
  if (code === undefined || path === undefined) throw error
  if (code === 'ENOENT') return `There is no file ${path}.`
  if (code === 'EISDIR') return `${path} is a folder; the commands are in a file.`
  if (code === 'ENOTDIR') return `${path} cannot be there: a part of its path is a file.`
  if (code === 'EACCES' || code === 'EPERM') return `${path} cannot be read: permission denied.`
  return `${path} cannot be read (${code}).`
}

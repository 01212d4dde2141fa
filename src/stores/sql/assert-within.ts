/** Statements that users wrote run inside a transaction that is not theirs to end. */
import { DefinitionError } from '../../core/errors.ts'

const comments = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|;)+/

/** @param words  the beginnings that are refused. @throws DefinitionError (`ES_DEFINITION`) it would end the transaction, or change the connection. */
export function assertWithin(text: string, words: RegExp): void {
  const word = words.exec(text.replace(comments, ''))?.[0]
  if (word === undefined) return
  throw new DefinitionError(`A statement here may not be ${word.toUpperCase()}: the transaction and the connection belong to the store.`)
}

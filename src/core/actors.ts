/** Your own actor type, bound once from a schema: no type argument at any command. */
import { type CommandFactory, type ContextValues, commandFactory } from './command.ts'
import { type DecisionFactory, decisionFactory } from './decision.ts'
import { assertSchema, type Out, type Schema } from './schema.ts'

/**
 * Binds who asks, and optionally what comes along, to schemas.
 *
 * Both are checked at each `execute`: an actor that does not fit ends in ValidationError, nobody is anonymous by accident.
 *
 * @param options.process  which actor a process manager is; required when processes send these commands.
 * @param options.context  the shape of `execute(…, { context })`.
 * @example
 * export const { command, decision } = actors(z.object({ staffNo: z.number(), branch: z.string() }))
 */
export function actors<S extends Schema, V extends Schema = Schema<ContextValues>>(
  schema: S,
  options: { readonly process?: (name: string) => Out<S>; readonly context?: V } = {},
): { readonly command: CommandFactory<Out<S>, Out<V>>; readonly decision: DecisionFactory<Out<S>, Out<V>> } {
  assertSchema(schema, 'actors()')
  if (options.context) assertSchema(options.context, 'context of actors()')
  const asker = { actor: schema, ...options }
  return { command: commandFactory(asker), decision: decisionFactory(asker) }
}

/** `dacapo migrate`: applies the steps of a store's schema, or shows them. */
import type { StoreSchema } from '../core/store-schema.ts'
import type { MigrateArguments } from './arguments.ts'
import { openSchema } from './open-schema.ts'
import { writeScripts } from './write-scripts.ts'

/** @param say  prints a line. */
export async function migrate({ task, ...store }: MigrateArguments, say: (line: string) => void): Promise<void> {
  const schema = await openSchema(store)
  try {
    if (task === 'print up') say(schema.steps.map(({ up }) => up).join('\n'))
    else if (task === 'print down')
      say(
        schema.steps
          .map(({ down }) => down)
          .toReversed()
          .join('\n'),
      )
    else if (task === 'status') for (const line of await statusOf(schema)) say(line)
    else if (task === 'apply') say(`${schema.title}: ${told(await schema.apply())}`)
    else for (const line of writeScripts(task.writeTo, schema.steps)) say(line)
  } finally {
    await schema.close()
  }
}

async function statusOf({ title, steps, applied }: StoreSchema): Promise<readonly string[]> {
  const times = new Map((await applied()).map(({ id, appliedAt }) => [id, new Date(appliedAt).toISOString()]))
  return [title, ...steps.map(({ id, name }) => `  ${id}  ${name}  ${times.has(id) ? `applied ${times.get(id)}` : 'missing'}`)]
}

const told = (steps: number): string => (steps === 0 ? 'nothing to do' : `${steps} step${steps === 1 ? '' : 's'} applied`)

/** The event that everybody writes, as Dacapo defines it. */
import { z } from 'zod'
import { event } from './built-dacapo.ts'

export const Entered = event('Entered', z.object({ amount: z.number(), owner: z.string(), reference: z.string(), text: z.string() }))

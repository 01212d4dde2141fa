/** Our `Schema` is Standard Schema: nothing is lost between the two. Nothing here runs: `npm run typecheck` is the test. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import type { In, Out, Schema } from '../../src/core/schema.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_T extends true>(): void => {}

/** Says the same of a schema's input and output as the official interface does. */
type Agrees<S extends Schema & StandardSchemaV1> = Equal<[In<S>, Out<S>], [StandardSchemaV1.InferInput<S>, StandardSchemaV1.InferOutput<S>]>

// each is assignable to the other, for all that is unknown and for one input and output
;(ours: Schema<unknown>, official: StandardSchemaV1) => [ours satisfies StandardSchemaV1, official satisfies Schema<unknown>]
;(ours: Schema<string, number>, official: StandardSchemaV1<string, number>) => [
  ours satisfies StandardSchemaV1<string, number>,
  official satisfies Schema<string, number>,
  // @ts-expect-error the input is another
  official satisfies Schema<boolean, number>,
  // @ts-expect-error the output is another
  official satisfies Schema<string, string>,
]
is<Agrees<Schema<string, number>>>()
is<Agrees<StandardSchemaV1<string, number>>>()

// schemas of three libraries fit, and what they take and make is inferred
const lengthOf = (text: string): number => text.length
const inZod = z.object({ text: z.string().transform(lengthOf), more: z.string().optional() })
const inValibot = v.object({ text: v.pipe(v.string(), v.transform(lengthOf)), more: v.optional(v.string()) })
const inArktype = type({ text: type('string').pipe(lengthOf), 'more?': 'string' })

is<Agrees<typeof inZod>>()
is<Agrees<typeof inValibot>>()
is<Agrees<typeof inArktype>>()
is<Equal<In<typeof inZod>, { text: string; more?: string | undefined }>>()
is<Equal<Out<typeof inZod>, { text: number; more?: string | undefined }>>()
is<Equal<In<typeof inValibot>, { text: string; more?: string | undefined }>>()
is<Equal<Out<typeof inValibot>, { text: number; more?: string | undefined }>>()
is<Equal<In<typeof inArktype>, { text: string; more?: string }>>()
is<Equal<Out<typeof inArktype>, { text: number; more?: string }>>()

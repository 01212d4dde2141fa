/** An aggregate's state as text and back: what snapshots, hibernation and copies for callers share. */
import type { AnyAggregate, SnapshotPolicy } from '../../core/aggregate.ts'
import { fingerprintOf } from '../../core/fingerprint.ts'
import { fromJson, toJson } from '../../core/json.ts'

/** Encodes the states of one aggregate. */
export interface StateCodec {
  /** Tells which build of the fold a text belongs to. */
  readonly fingerprint: string
  /** @throws SerializationError (`ES_SERIALIZATION`) a state that is not JSON, with no `snapshot.save`. */
  encode(state: unknown): string
  decode(text: string): unknown
}

const codecs = new WeakMap<AnyAggregate, StateCodec>()

/** The codec of an aggregate, made once. */
export function stateCodecOf(aggregate: AnyAggregate): StateCodec {
  let codec = codecs.get(aggregate)
  if (!codec) {
    codec = makeStateCodec(aggregate)
    codecs.set(aggregate, codec)
  }
  return codec
}

/** A state for a caller to keep; `undefined` when it has no text, and must be folded anew instead of shared. */
export function copyOf(aggregate: AnyAggregate, state: unknown): { readonly value: unknown } | undefined {
  const codec = stateCodecOf(aggregate)
  try {
    return { value: codec.decode(codec.encode(state)) }
  } catch {
    return undefined
  }
}

function makeStateCodec({ name, events, initial, evolve, snapshot }: AnyAggregate): StateCodec {
  const { save = (state: unknown) => state, restore = (body: unknown) => body, version }: SnapshotPolicy<unknown> = snapshot || {}
  const what = `state of aggregate ${name}`
  return {
    fingerprint: fingerprintOf({ events, initial, evolve, version, more: [save, restore] }),
    // A state may be undefined (a fold that has seen nothing); JSON has no word for it, so it stands in a list.
    encode(state) {
      const saved = save(state)
      return saved === undefined ? '[]' : `[${toJson(saved, what)}]`
    },
    decode: (text) => restore((fromJson(text) as unknown[])[0]),
  }
}

/** From options to an engine: checks them, and fills in what was left out. */
import type { AnyCommand } from '../core/command.ts'
import { DefinitionError } from '../core/errors.ts'
import type { EventStore } from '../core/event-store.ts'
import { assertOptions } from '../core/options.ts'
import type { AppOptions } from './app.ts'
import { assertNode } from './assert-node.ts'
import { makeBackground } from './background.ts'
import { makeLanes } from './command/lanes.ts'
import { makeCounters } from './counters.ts'
import { gatherDefinitions, type ListOrModule, type SomeProjection } from './definitions.ts'
import { type Engine, reporting, tellAll } from './engine.ts'
import { keptDefinitions } from './prepare-store.ts'
import { toSettings } from './settings.ts'
import { v8Heap, watchMemory } from './state/memory-pressure.ts'
import { systemClock, systemIds } from './system.ts'
import { makeKeptSet } from './view/kept-views.ts'
import { makeTransactionalViews } from './view/transactional-views.ts'

/** The options of an app, their types erased. */
export type AnyAppOptions = AppOptions<EventStore, ListOrModule<AnyCommand>, ListOrModule<SomeProjection>>

const appOptions = [
  'store',
  'commands',
  'projections',
  'processes',
  'handlers',
  'events',
  'middleware',
  'authorize',
  'validate',
  'requireAuthorize',
  'observer',
  'telemetry',
  'defaults',
  'clock',
  'ids',
  'nodeId',
  'random',
  'heap',
  'onMemoryPressure',
] as const satisfies readonly (keyof AnyAppOptions)[]

/** @throws DefinitionError (`ES_DEFINITION`), UnsupportedError (`ES_UNSUPPORTED`) */
export function makeEngine(options: AnyAppOptions): Engine {
  assertNode()
  assertOptions('createApp', options, appOptions)
  const { store, authorize, validate, clock = systemClock, nodeId, observer = [], telemetry, random = Math.random } = options
  if (typeof store?.append !== 'function') throw new DefinitionError('createApp needs a store, e.g. memory() or sqlite(file).')
  if (nodeId !== undefined && !(Number.isInteger(nodeId) && nodeId >= 0 && nodeId <= 0xffff_ffff)) {
    throw new DefinitionError(`nodeId is a whole number of 32 bits, not ${nodeId}.`)
  }
  const definitions = gatherDefinitions({ ...options, projections: options.projections as never }, store)
  const settings = toSettings(options.defaults ?? {})
  if (options.requireAuthorize && !authorize) {
    const open = [...definitions.commands.values()].filter((command) => !command.authorize).map(({ command }) => command)
    if (open.length > 0) {
      throw new DefinitionError(`requireAuthorize: these commands have no authorize, and createApp has none either: ${open.join(', ')}.`)
    }
  }
  const tell = tellAll([...(typeof observer === 'function' ? [observer] : observer), ...(telemetry?.observer ? [telemetry.observer] : [])])
  const memory = watchMemory(settings, tell, clock, options.heap ?? v8Heap)
  const { onMemoryPressure } = options
  if (onMemoryPressure) memory.watch(reporting('onMemoryPressure threw', onMemoryPressure))
  return {
    store,
    definitions,
    settings,
    clock,
    memory,
    ids: options.ids ?? systemIds(() => clock.now(), nodeId),
    random,
    tell,
    tracing: undefined,
    counters: makeCounters(),
    background: makeBackground(),
    lanes: makeLanes(),
    views: makeTransactionalViews(definitions.views, definitions.tables, store.views, settings.warmRows),
    kept: makeKeptSet(() => keptDefinitions(definitions)),
    fallbacks: { authorize, validate },
  }
}

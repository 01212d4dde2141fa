/** What an app is made of: gathers the definitions, and finds their mistakes before the first command. */
import type { AnyAggregate } from '../core/aggregate.ts'
import { closest } from '../core/closest.ts'
import type { AnyCommand } from '../core/command.ts'
import { DefinitionError, UnknownCommandError, UnsupportedError } from '../core/errors.ts'
import type { AnyEventType } from '../core/event.ts'
import { type EventTypes, gatherEventTypes } from '../core/event-codec.ts'
import type { AnyEventHandler } from '../core/event-handler.ts'
import type { Capabilities } from '../core/event-store.ts'
import type { AnyProcessManager } from '../core/process-manager.ts'
import type { AnyProjection } from '../core/projection.ts'
import { accepts } from '../core/schema.ts'
import type { TableProjection } from '../core/table-projection.ts'

/** Any projection, into a view or into tables. */
export type SomeProjection = AnyProjection | TableProjection

/** A list of definitions, or a module namespace (`import * as commands from …`) whose other exports are left alone. */
export type ListOrModule<T> = readonly T[] | Readonly<Record<string, unknown>>

/** The definitions of one app, by name. */
export interface Definitions {
  readonly commands: ReadonlyMap<string, AnyCommand>
  readonly aggregates: ReadonlyMap<string, AnyAggregate>
  readonly views: readonly AnyProjection[]
  readonly tables: readonly TableProjection[]
  readonly processes: readonly AnyProcessManager[]
  readonly handlers: readonly AnyEventHandler[]
  readonly eventTypes: EventTypes
  /** Names of what only a subscription engine can run: async projections, processes, handlers. */
  readonly asynchronous: readonly string[]
}

/** What createApp is given of them. */
export interface DefinitionLists {
  readonly commands: ListOrModule<AnyCommand>
  readonly projections?: ListOrModule<SomeProjection>
  readonly processes?: ListOrModule<AnyProcessManager>
  readonly handlers?: ListOrModule<AnyEventHandler>
  readonly events?: ListOrModule<AnyEventType>
}

/**
 * Gathers and checks the definitions of an app.
 *
 * @throws DefinitionError (`ES_DEFINITION`) two of one name; UnsupportedError (`ES_UNSUPPORTED`) more than the store can do.
 */
export function gatherDefinitions(
  lists: DefinitionLists,
  store: { readonly name: string; readonly capabilities: Capabilities },
): Definitions {
  const commandList = ofKinds<AnyCommand>(lists.commands, ['command'], 'commands')
  const projections = ofKinds<SomeProjection>(lists.projections, ['projection', 'table-projection'], 'projections')
  const processes = ofKinds<AnyProcessManager>(lists.processes, ['process'], 'processes')
  const handlers = ofKinds<AnyEventHandler>(lists.handlers, ['handler'], 'handlers')
  const events = ofKinds<AnyEventType>(lists.events, ['event'], 'events')

  const commands = byName(commandList, (command) => command.command, 'commands')
  addSent(commands, processes)
  byName(projections, (part) => part.name, 'projections')
  byName(processes, (part) => part.name, 'processes')
  byName(handlers, (part) => part.name, 'handlers')
  const aggregates = new Map<string, AnyAggregate>()
  for (const { boundary } of commandList) {
    if (boundary.kind !== 'aggregate') continue
    const { aggregate } = boundary
    const known = aggregates.get(aggregate.name)
    if (known && known !== aggregate) throw new DefinitionError(`Two different aggregates are called ${aggregate.name}.`)
    aggregates.set(aggregate.name, aggregate)
  }
  assertSupported(commandList, projections, store)

  const folds = [...aggregates.values(), ...projections, ...processes, ...handlers]
  const boundaries = commandList.flatMap(({ boundary }) => (boundary.kind === 'aggregate' ? [] : [boundary]))
  const eventTypes = gatherEventTypes([events, ...folds.map((fold) => fold.events), ...boundaries.map((boundary) => boundary.events)])
  return {
    commands,
    aggregates,
    views: projections.filter((part) => part.kind === 'projection'),
    tables: projections.filter((part) => part.kind === 'table-projection'),
    processes,
    handlers,
    eventTypes,
    asynchronous: [...projections.filter((part) => part.consistency === 'async'), ...processes, ...handlers].map((part) => part.name),
  }
}

/** The command with this name, or an error that suggests the one that was meant. */
export function findCommand({ commands }: Definitions, name: string): AnyCommand {
  const found = commands.get(name)
  if (found) return found
  const names = [...commands.keys()]
  throw new UnknownCommandError(name, closest(name, names), names)
}

/** What a process sends need not be listed a second time. */
function addSent(commands: Map<string, AnyCommand>, processes: readonly AnyProcessManager[]): void {
  for (const { name, commands: sent } of processes) {
    for (const one of sent) {
      const known = commands.get(one.command)
      if (known && known !== one) throw new DefinitionError(`Process manager ${name} sends another ${one.command} than this app has.`)
      if (one.asker.actor && !one.asker.process) {
        throw new DefinitionError(
          `Process manager ${name} sends ${one.command}: say as whom, with actors(schema, { process: (name) => … }).`,
        )
      }
      if (one.asker.context && !accepts(one.asker.context, {})) {
        throw new DefinitionError(`Process manager ${name} sends ${one.command}, whose context it cannot give: make all of it optional.`)
      }
      commands.set(one.command, one)
    }
  }
}

function assertSupported(
  commands: readonly AnyCommand[],
  projections: readonly SomeProjection[],
  { name, capabilities }: { readonly name: string; readonly capabilities: Capabilities },
): void {
  for (const part of projections) {
    if (part.kind === 'table-projection' && !capabilities.sql) {
      throw new UnsupportedError(
        `The ${name} store runs no SQL, which table projection ${part.name} needs: keep a view, or choose another store.`,
      )
    }
    if (part.consistency === 'transactional' && !capabilities.transactions) {
      throw new UnsupportedError(`The ${name} store has no transactions: make projection ${part.name} async, or choose another store.`)
    }
  }
  for (const { command, boundary } of commands) {
    if (boundary.kind === 'query' && !capabilities.conditions) {
      throw new UnsupportedError(`The ${name} store checks no conditions, which decision ${command} needs: choose another store.`)
    }
  }
}

function ofKinds<T>(given: ListOrModule<T> | undefined, kinds: readonly string[], option: string): readonly T[] {
  if (given === undefined) return []
  const isOfKind = (value: unknown) => kinds.includes((value as { kind?: string } | null)?.kind ?? '')
  if (!Array.isArray(given)) return Object.values(given).filter(isOfKind) as T[]
  const stranger = given.findIndex((value) => !isOfKind(value))
  if (stranger >= 0)
    throw new DefinitionError(`${option}[${stranger}] of createApp is not a ${kinds[0]}: use the functions of dacapo to define it.`)
  return given
}

function byName<T>(list: readonly T[], nameOf: (part: T) => string, option: string): Map<string, T> {
  const parts = new Map<string, T>()
  for (const part of list) {
    const name = nameOf(part)
    if (parts.has(name)) throw new DefinitionError(`${option} of createApp has two parts called ${name}; names must be unique.`)
    parts.set(name, part)
  }
  return parts
}

/** The app that a module of the user's exports. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DefinitionError } from '../core/errors.ts'
import type { App } from '../runtime/app.ts'

/** What the command line needs of an app. */
export type LoadedApp = Pick<App<string>, 'start' | 'stop' | 'subscriptions'>

/**
 * Imports a module and takes its app: the default export, or `app`; a promise of one will do.
 *
 * @param path  as it was typed, relative to the folder that one is in.
 * @throws DefinitionError (`ES_DEFINITION`) there is no such file, it fails, or it exports no app.
 */
export async function loadApp(path: string): Promise<LoadedApp> {
  const file = resolve(path)
  if (!existsSync(file)) throw new DefinitionError(`There is no file ${path}: name the module that exports your app.`)
  const { default: byDefault, app } = await importFile(path, file)
  for (const exported of [byDefault, app]) {
    const found = await exported
    if (isApp(found)) return found
  }
  throw new DefinitionError(`${path} exports no app: what createApp returns, or a promise of it, as its default export or as "app".`)
}

async function importFile(path: string, file: string): Promise<{ readonly default?: unknown; readonly app?: unknown }> {
  try {
    return await import(pathToFileURL(file).href)
  } catch (cause) {
    // The stack says where in the user's own code.
    throw new DefinitionError(`${path} could not be loaded: ${(cause instanceof Error && cause.stack) || cause}`, { cause })
  }
}

/** By what it can do: it may be made by another copy of this package. */
function isApp(value: unknown): value is LoadedApp {
  const { start, stop, subscriptions } = (value ?? {}) as Partial<LoadedApp>
  return typeof start === 'function' && typeof stop === 'function' && typeof subscriptions?.rebuild === 'function'
}

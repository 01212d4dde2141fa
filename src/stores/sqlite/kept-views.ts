/** The views that appends keep, in SQLite. */
import type { KeptViews, ViewDefinition } from '../../core/view-store.ts'
import { isKeptSo, keptViewsStatement, toKeptViews, typesText } from '../sql/kept-views.ts'
import type { Handle } from './handle.ts'

/** Of the set of views that appends keep. */
export const viewEpochOf = (handle: Handle): number => Number(handle.first('SELECT epoch FROM dacapo_view_epoch')?.[0])

/** In one statement, so that the epoch is that of exactly these views. */
export const keptViews = (handle: Handle): KeptViews => toKeptViews(handle.rows(keptViewsStatement('dacapo_')))

/** Makes a registered view one that appends keep, in the caller's commit. @param before  the set without it. */
export function keep(handle: Handle, definition: ViewDefinition, before: KeptViews): void {
  if (isKeptSo(before, definition)) return
  const { view, types } = definition
  handle.run('INSERT OR REPLACE INTO dacapo_kept_views (view, types) VALUES (?, ?)', view, typesText(types))
  handle.run('UPDATE dacapo_view_epoch SET epoch = epoch + 1')
}

/** The views that appends keep: what SQL stores have in common. */
import type { KeptViews, ViewDefinition } from '../../core/view-store.ts'

/** @param prefix  of the names of tables. */
export const keptViewsStatement = (prefix: string): string => `SELECT e.epoch, k.view, v.fingerprint, k.types FROM ${prefix}view_epoch e
  LEFT JOIN ${prefix}kept_views k ON k.view IS NOT NULL LEFT JOIN ${prefix}views v ON v.view = k.view ORDER BY k.view`

export function toKeptViews(rows: readonly (readonly unknown[])[]): KeptViews {
  const views = rows.flatMap(([, view, fingerprint, types]) =>
    view === null
      ? []
      : [{ view: view as string, fingerprint: fingerprint as string, ...(types === null ? {} : { types: JSON.parse(types as string) }) }],
  )
  return { epoch: rows[0]?.[0] as number, views }
}

/** Whether a view is kept by exactly this definition. */
export function isKeptSo({ views }: KeptViews, { view, fingerprint, types }: ViewDefinition): boolean {
  return views.some((one) => one.view === view && one.fingerprint === fingerprint && typesText(one.types) === typesText(types))
}

/** Types as they are kept: two lists of the same ones are equal. */
export const typesText = (types: ViewDefinition['types']): string | null => (types ? JSON.stringify([...types].sort()) : null)

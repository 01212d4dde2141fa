/**
 * The names of what only one transaction may write at a time. `claim_lock` makes the number of an advisory lock of each; the functions
 * in the database build the same names.
 */

export const streamClaim = (tenant: string, stream: string): string => `s${stream}\u0001${tenant}`
export const keyClaim = (tenant: string, key: string): string => `k${key}\u0001${tenant}`
/**
 * What must stay as it is while a transaction stays open that has appended: shared by those, and needed alone by who changes a view. They
 * wait for each other only where one appends what the other folds. Of a view that folds nobody knows what, it is everything.
 */
export const sharedClaims = (types: readonly string[], views: readonly string[]): readonly string[] =>
  [...new Set(['a', ...types.map(typeClaim), ...views.map(viewClaim)])].sort()
/** The first is of all who change views: they come one after the other. */
export const changingClaims = (view: string, types: readonly string[] | undefined): readonly string[] =>
  ['e', ...(types?.map(typeClaim) ?? ['a']), viewClaim(view)].sort()
const typeClaim = (type: string): string => `t${type}`
const viewClaim = (view: string): string => `w${view}`
export const rowClaim = (tenant: string, view: string, key: string): string => `v${view}\u0001${key}\u0001${tenant}`

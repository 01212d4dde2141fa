/**
 * The names of what only one transaction may write at a time. `claim_lock` makes the number of an advisory lock of each; the functions
 * in the database build the same names.
 */

export const streamClaim = (tenant: string, stream: string): string => `s${stream}\u0001${tenant}`
export const keyClaim = (tenant: string, key: string): string => `k${key}\u0001${tenant}`
export const rowClaim = (tenant: string, view: string, key: string): string => `v${view}\u0001${key}\u0001${tenant}`
/** Shared by everybody who writes rows of a view in a transaction, and needed alone by who rebuilds it. */
export const viewClaim = (view: string): string => `w${view}`

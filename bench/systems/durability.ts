/** What an engine says about its durability, asked on a connection like those that write. */

/** For PostgreSQL. */
export const settingsQuery = "SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit"

/** A row of settings, in a line. */
export const told = (row: unknown): string =>
  Object.entries(row as Readonly<Record<string, unknown>>)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')

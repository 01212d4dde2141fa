/** `dacapo/postgres`: the event store in PostgreSQL. */
export type { PostgresOptions } from './options.ts'
export type { PgClient, PgPool, PgPoolClient, PgQuery, PgResult } from './pg.ts'
export { type PostgresCapabilities, postgres } from './postgres.ts'

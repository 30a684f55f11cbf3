/** Words for tables that keep what is written in them, in each database. */

/**
 * A definition that `Dialect.definition` of `SqlDatabase.ts` can put into the words of each database, or the words for
 * each.
 */
export type Definition = string | { readonly sqlite: ReadonlyArray<string>; readonly postgres: ReadonlyArray<string> }

/** Numbers of JavaScript are exact so far. A larger one would be read back rounded, so the tables refuse it. */
export const exact = `BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER}`

export const refusal = (message: string): string =>
  `RAISE EXCEPTION '${message}' USING ERRCODE = 'integrity_constraint_violation'`

/** Rows are only ever added. */
export const unchanging = (table: string): Definition => ({
  sqlite: ["UPDATE", "DELETE"].map(
    (event) => `CREATE TRIGGER ${table}_no_${event.toLowerCase()} BEFORE ${event} ON ${table}
   BEGIN SELECT RAISE(ABORT, '${table} are never changed'); END`
  ),
  postgres: [
    `CREATE FUNCTION ${table}_unchanging() RETURNS trigger LANGUAGE plpgsql AS
     $$ BEGIN ${refusal(`${table} are never changed`)}; END $$`,
    `CREATE TRIGGER ${table}_unchanging BEFORE UPDATE OR DELETE OR TRUNCATE ON ${table}
     EXECUTE FUNCTION ${table}_unchanging()`
  ]
})

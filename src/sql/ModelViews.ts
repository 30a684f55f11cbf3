/**
 * `ModelViews` puts the views that queries use on the tables of another generation. What others built on such a view,
 * and their rights to it, stay. On PostgreSQL the view itself stays, and only what it shows is exchanged while its
 * columns stay the same; on SQLite others know a view only by its name.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Either } from "effect"
import type { Generation } from "../projection/Model.ts"
import * as TableNames from "../projection/TableNames.ts"
import type { Dialect } from "./SqlDatabase.ts"

/** A view, and the table that it is to show. */
export interface Shown {
  readonly view: string
  readonly table: string
}

/** Views of others would no longer be what they are: their columns went, or changed. */
export class ViewsDepend extends Error {
  override readonly name = "ViewsDepend"
  constructor(views: ReadonlyArray<string>, on: string) {
    const others = views.join(", ")
    super(`${others} depends on columns of ${on} that changed: drop it, rebuild the model, and make it again`)
  }
}

/** Something of the application has the name of a view: it is not dropped. */
export class NameTaken extends Error {
  override readonly name = "NameTaken"
  constructor(names: ReadonlyArray<string>) {
    super(`${names.join(", ")} is in the database already and shows no model: name the projection's tables otherwise`)
  }
}

type Replace = (
  connection: Connection,
  shown: ReadonlyArray<Shown>,
  gone: ReadonlyArray<string>
) => Effect.Effect<void, SqlError | ViewsDepend>

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

const run = (connection: Connection, sql: string) => connection.executeRaw(sql, [])
const texts = (connection: Connection, sql: string, params: ReadonlyArray<unknown>) =>
  Effect.map(connection.executeValues(sql, params), (rows) => rows.map(([text]) => String(text)))

const create = (connection: Connection, { table, view }: Shown, options = "", or = "") =>
  run(connection, `CREATE ${or}VIEW ${quoted(view)}${options} AS SELECT * FROM ${quoted(table)}`)

// ---- SQLite ---------------------------------------------------------------------------------------------------------

/** Views of others that can be read. */
const readable = Effect.fnUntraced(function* (connection: Connection, own: ReadonlySet<string>) {
  const found: Array<string> = []
  for (const name of yield* texts(connection, "SELECT name FROM sqlite_master WHERE type = 'view'", [])) {
    if (own.has(name)) continue
    const read = yield* Effect.either(connection.executeValues(`SELECT * FROM ${quoted(name)} LIMIT 0`, []))
    if (Either.isRight(read)) found.push(name)
  }
  return found
})

const replaceSqlite: Replace = Effect.fnUntraced(function* (connection, shown, gone) {
  const own = new Set([...shown.map(({ view }) => view), ...gone])
  const before = yield* readable(connection, own)
  for (const view of own) yield* run(connection, `DROP VIEW IF EXISTS ${quoted(view)}`)
  for (const each of shown) yield* create(connection, each)
  const after = new Set(yield* readable(connection, own))
  const broken = before.filter((name) => !after.has(name))
  if (broken.length > 0) return yield* Effect.fail(new ViewsDepend(broken, [...own].join(", ")))
})

// ---- PostgreSQL -----------------------------------------------------------------------------------------------------

/** Name and type of each column, in order. */
const selectColumns = `SELECT json_build_array(attname, format_type(atttypid, atttypmod), attcollation)::text
  FROM pg_attribute WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped ORDER BY attnum`

/** What would go with it, or keep it: views that read it, and triggers and rules that others gave it. */
const selectDependents = `SELECT DISTINCT r.ev_class::regclass::text FROM pg_depend AS d
  JOIN pg_rewrite AS r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
  WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass(?) AND r.ev_class <> d.refobjid
  UNION SELECT format('trigger %I', tgname) FROM pg_trigger WHERE tgrelid = to_regclass(?) AND NOT tgisinternal
  UNION SELECT format('rule %I', rulename) FROM pg_rewrite WHERE ev_class = to_regclass(?) AND rulename <> '_RETURN'
  ORDER BY 1`

/**
 * Statements that give everyone who has rights to the view the same rights again, to it and to those of its columns
 * that stay; the owner too, unless its rights were never changed.
 */
const selectGrants = `
  WITH given (columns, acl) AS (
    SELECT '', relacl FROM pg_class WHERE oid = to_regclass(?)
    UNION ALL
    SELECT format(' (%I)', attname), attacl FROM pg_attribute AS a WHERE attrelid = to_regclass(?)
      AND EXISTS (SELECT 1 FROM pg_attribute AS b WHERE b.attrelid = to_regclass(?) AND b.attname = a.attname)
  )
  SELECT format('GRANT %s%s ON %s TO %s%s', right_.privilege_type, given.columns, to_regclass(?)::text,
    CASE right_.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(right_.grantee)) END,
    CASE WHEN right_.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM given CROSS JOIN LATERAL aclexplode(given.acl) AS right_`

/**
 * Statements that revoke what a new view grants by default: default privileges may be wider than the rights that were
 * there.
 */
const selectRevokes = `SELECT DISTINCT format('REVOKE ALL ON %s FROM %s', to_regclass(?)::text,
    CASE right_.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(right_.grantee)) END)
  FROM pg_class AS c CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS right_
  WHERE c.oid = to_regclass(?) AND (right_.grantee <> c.relowner OR ?::text = 'owner')`

/** The view's owner, and whether the owner's own rights were ever changed. */
const selectOwner = `SELECT quote_ident(pg_get_userbyid(relowner)), relacl IS NOT NULL FROM pg_class WHERE oid = to_regclass(?)`

const selectOptions =
  "SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = to_regclass(?) AND reloptions IS NOT NULL"
const selectComment = "SELECT d FROM obj_description(to_regclass(?), 'pg_class') AS d WHERE d IS NOT NULL"
/** The comments on columns of the view that the table has too. */
const selectColumnComments = `SELECT quote_ident(attname), col_description(attrelid, attnum) FROM pg_attribute AS a
  WHERE attrelid = to_regclass(?) AND attnum > 0 AND col_description(attrelid, attnum) IS NOT NULL
    AND EXISTS (SELECT 1 FROM pg_attribute AS b WHERE b.attrelid = to_regclass(?) AND b.attname = a.attname)`

/** Drops the view, which no other view may depend on. */
const dropUnneeded = Effect.fnUntraced(function* (connection: Connection, view: string) {
  const dependents = yield* texts(connection, selectDependents, [quoted(view), quoted(view), quoted(view)])
  if (dependents.length > 0) return yield* Effect.fail(new ViewsDepend(dependents, view))
  yield* run(connection, `DROP VIEW IF EXISTS ${quoted(view)}`)
})

const replaceOne = Effect.fnUntraced(function* (connection: Connection, shown: Shown) {
  const view = quoted(shown.view)
  const table = quoted(shown.table)
  const before = yield* texts(connection, selectColumns, [view])
  const [settings] = yield* texts(connection, selectOptions, [view])
  const options = settings === undefined ? "" : ` WITH (${settings})`
  const columns = yield* texts(connection, selectColumns, [table])
  if (before.every((column, index) => column === columns[index])) {
    return yield* create(connection, shown, options, "OR REPLACE ")
  }
  const grants = yield* texts(connection, selectGrants, [view, view, table, view])
  const [[owner, isSaid] = []] = yield* connection.executeValues(selectOwner, [view])
  const [comment] = yield* texts(connection, selectComment, [view])
  const columnComments = yield* connection.executeValues(selectColumnComments, [view, table])
  yield* dropUnneeded(connection, shown.view)
  yield* create(connection, shown, options)
  if (owner !== undefined) yield* run(connection, `ALTER VIEW ${view} OWNER TO ${owner}`)
  for (const revoke of yield* texts(connection, selectRevokes, [view, view, isSaid === true ? "owner" : "others"])) {
    yield* run(connection, revoke)
  }
  for (const grant of grants) yield* run(connection, grant)
  if (comment !== undefined) yield* run(connection, `COMMENT ON VIEW ${view} IS ${literal(comment)}`)
  for (const [column, text] of columnComments) {
    yield* run(connection, `COMMENT ON COLUMN ${view}.${String(column)} IS ${literal(String(text))}`)
  }
})

const replacePostgres: Replace = (connection, shown, gone) =>
  Effect.zipRight(
    Effect.forEach(gone, (view) => dropUnneeded(connection, view), { discard: true }),
    Effect.forEach(shown, (each) => replaceOne(connection, each), { discard: true })
  )

// ---- both -----------------------------------------------------------------------------------------------------------

/** Shows the tables, and drops the views that are gone. */
export const replace = ({ kind }: Dialect): Replace => (kind === "sqlite" ? replaceSqlite : replacePostgres)

/** Fails where one of the names is that of something that shows no model. */
export const assertFree = Effect.fnUntraced(function* (
  connection: Connection,
  { kind }: Pick<Dialect, "kind">,
  views: Iterable<string>
) {
  const models = yield* texts(connection, "SELECT tables FROM projection_models WHERE live = 1", [])
  const known = new Set(models.flatMap(TableNames.declared))
  const find =
    kind === "sqlite"
      ? "SELECT 1 FROM sqlite_master WHERE name = ?"
      : "SELECT 1 WHERE to_regclass(quote_ident(?)) IS NOT NULL"
  const taken: Array<string> = []
  for (const view of views) {
    if (!known.has(view) && (yield* connection.executeValues(find, [view])).length > 0) taken.push(view)
  }
  if (taken.length > 0) return yield* Effect.fail(new NameTaken(taken))
})

/** Makes the view where it is missing: what it shows never changes, and so it waits for no reader. */
export const ensure = (
  connection: Connection,
  { kind }: Dialect,
  view: string,
  query: string
): Effect.Effect<void, SqlError> => {
  const find =
    kind === "sqlite"
      ? "SELECT 1 FROM sqlite_master WHERE type = 'view' AND name = ?"
      : "SELECT 1 WHERE to_regclass(quote_ident(?)) IS NOT NULL"
  return Effect.flatMap(connection.executeValues(find, [view]), ([known]) =>
    known === undefined ? Effect.asVoid(run(connection, `CREATE VIEW ${quoted(view)} AS ${query}`)) : Effect.void
  )
}

/** A query that gives the position of the model that serves. A view takes no parameters. */
export const checkpointQuery = (projection: string): string =>
  `SELECT position FROM projection_models WHERE projection = ${literal(projection)} AND live = 1`

/** Whether a query may be about this model: its text has the name of one of the views. */
export const namesViewsOf = ({ projection, tables }: Generation, sql: string): boolean =>
  [TableNames.checkpointOf(projection), ...Object.keys(tables)].some((view) => sql.includes(view))

const withWord = /^\s*WITH\s+(?:(RECURSIVE)\s+)?/i

/** The query with these models in place of those that serve: within it, the names of the views mean their tables. */
export const over = ({ rename }: Pick<Dialect, "rename">, models: ReadonlyArray<Generation>, sql: string): string => {
  const stands = (name: string, query: string) => `${quoted(name)} AS NOT MATERIALIZED (${query})`
  const parts = models.flatMap(({ generation, projection, tables }) => [
    ...Object.entries(tables).map(([view, table]) => stands(view, `SELECT * FROM ${quoted(table)}`)),
    stands(
      TableNames.checkpointOf(projection),
      rename(
        `SELECT position FROM projection_models WHERE projection = ${literal(projection)} AND generation = ${generation}`
      )
    )
  ])
  const own = withWord.exec(sql)
  const recursive = own?.[1] === undefined ? "" : "RECURSIVE "
  return `WITH ${recursive}${parts.join(", ")}${own === null ? " " : ", "}${sql.slice(own?.[0].length ?? 0)}`
}

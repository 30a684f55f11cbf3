/**
 * `HeldSteps` stops transfers of a running service at one place, whatever the machine's speed: one of their steps
 * cannot be stored.
 */
import { Effect } from "effect"
import { Database } from "../cli/Rows.ts"
import { client } from "../sql/PostgresClient.ts"

/** The event of the step that is held back. */
export type Step = "TransferCredited" | "TransferCompleted" | "TransferRefunded" | "SourceRefunded"

/**
 * Where a release stores events: before the journal in `events`, where their types stand as text, and then in
 * `log_events`.
 */
type Layout = "events" | "log_events"

const isOfType = (step: Step, layout: Layout) =>
  layout === "events"
    ? `NEW.type = '${step}'`
    : `EXISTS (SELECT 1 FROM log_names WHERE number = NEW.type AND name = '${step}')`

const statements = {
  sqlite: {
    hold: (step: Step, layout: Layout) => [
      `CREATE TRIGGER held_step BEFORE INSERT ON ${layout} WHEN ${isOfType(step, layout)}
         BEGIN SELECT RAISE(ABORT, 'held'); END`
    ],
    // The migration to the journal takes the table away, and its triggers with it.
    release: ["DROP TRIGGER IF EXISTS held_step"]
  },
  postgres: {
    hold: (step: Step, layout: Layout) => [
      `CREATE FUNCTION held_step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF ${isOfType(step, layout)} THEN RAISE EXCEPTION 'held'; END IF;
         RETURN NEW;
       END $$`,
      `CREATE TRIGGER held_step BEFORE INSERT ON ${layout} FOR EACH ROW EXECUTE FUNCTION held_step()`
    ],
    release: ["DROP FUNCTION IF EXISTS held_step() CASCADE"]
  }
}

/** The table of which there is one in the layout with a journal alone. */
const journal = "log_events"

type Make = (dialect: (typeof statements)[keyof typeof statements], layout: Layout) => ReadonlyArray<string>

const execute = (db: string, make: Make) =>
  Effect.scoped(
    Effect.gen(function* () {
      if (db.startsWith("sqlite:")) {
        const connection = new Database(db.slice("sqlite:".length))
        const found = connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?").get(journal)
        const layout = found === undefined ? "events" : journal
        for (const statement of make(statements.sqlite, layout)) connection.exec(statement)
        return connection.close()
      }
      const sql = yield* client(db)
      const [found] = yield* sql.unsafe<{ readonly table: string | null }>(`SELECT to_regclass('${journal}') AS table`)
      const layout = typeof found?.table === "string" ? journal : "events"
      for (const statement of make(statements.postgres, layout)) yield* sql.unsafe(statement)
    })
  )

/** From now on each transfer stays in front of this step, however often its process tries. */
export const hold = (db: string, step: Step) => execute(db, ({ hold }, layout) => hold(step, layout))
/** Transfers go on. */
export const release = (db: string) => execute(db, ({ release }) => release)

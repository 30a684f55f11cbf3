/** `HeldSteps` stops transfers of a running service at one place, whatever the machine's speed: one of their steps cannot be stored. */
import { Effect } from "effect"
import { Database } from "../cli/Rows.ts"
import { client } from "../sql/PostgresClient.ts"

/** The event of the step that is held back. */
export type Step = "TransferCredited" | "TransferCompleted" | "TransferRefunded" | "SourceRefunded"

const statements = {
  sqlite: {
    hold: (step: Step) => [
      `CREATE TRIGGER held_step BEFORE INSERT ON events WHEN NEW.type = '${step}' BEGIN SELECT RAISE(ABORT, 'held'); END`
    ],
    release: ["DROP TRIGGER held_step"]
  },
  postgres: {
    hold: (step: Step) => [
      "CREATE FUNCTION held_step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'held'; END $$",
      `CREATE TRIGGER held_step BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.type = '${step}')
         EXECUTE FUNCTION held_step()`
    ],
    release: ["DROP TRIGGER held_step ON events", "DROP FUNCTION held_step()"]
  }
}

const dialectOf = (db: string) => statements[db.startsWith("sqlite:") ? "sqlite" : "postgres"]

const execute = (db: string, statements: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.gen(function* () {
      if (db.startsWith("sqlite:")) {
        const connection = new Database(db.slice("sqlite:".length))
        for (const statement of statements) connection.exec(statement)
        return connection.close()
      }
      const sql = yield* client(db)
      for (const statement of statements) yield* sql.unsafe(statement)
    })
  )

/** From now on each transfer stays in front of this step, however often its process tries. */
export const hold = (db: string, step: Step) => execute(db, dialectOf(db).hold(step))
/** Transfers go on. */
export const release = (db: string) => execute(db, dialectOf(db).release)

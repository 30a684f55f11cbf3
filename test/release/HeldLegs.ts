/** `HeldLegs` stops transfers of a running service at one place, whatever the machine's speed: one of their legs cannot be stored. */
import { Effect } from "effect"
import { Database } from "../cli/Rows.ts"
import { client } from "../sql/PostgresClient.ts"

/** The event of the leg that is held back. */
type Leg = "TransferCredited" | "TransferRefunded"

const statements = {
  sqlite: {
    hold: (leg: Leg) => [
      `CREATE TRIGGER held_leg BEFORE INSERT ON events WHEN NEW.type = '${leg}' BEGIN SELECT RAISE(ABORT, 'held'); END`
    ],
    release: ["DROP TRIGGER held_leg"]
  },
  postgres: {
    hold: (leg: Leg) => [
      "CREATE FUNCTION held_leg() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'held'; END $$",
      `CREATE TRIGGER held_leg BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.type = '${leg}')
         EXECUTE FUNCTION held_leg()`
    ],
    release: ["DROP TRIGGER held_leg ON events", "DROP FUNCTION held_leg()"]
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

/** From now on each transfer stays in front of this leg, however often its process tries. */
export const hold = (db: string, leg: Leg) => execute(db, dialectOf(db).hold(leg))
/** Transfers go on. */
export const release = (db: string) => execute(db, dialectOf(db).release)

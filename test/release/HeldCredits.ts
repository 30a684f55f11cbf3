/** `HeldCredits` stops transfers of a running service at one place, whatever the machine's speed: their target cannot be credited. */
import { Effect } from "effect"
import { Database } from "../cli/Rows.ts"
import { client } from "../sql/PostgresClient.ts"

const type = "NEW.type = 'TransferCredited'"

const statements = {
  sqlite: {
    hold: [
      `CREATE TRIGGER no_credit BEFORE INSERT ON events WHEN ${type} BEGIN SELECT RAISE(ABORT, 'no credit yet'); END`
    ],
    letGo: ["DROP TRIGGER no_credit"]
  },
  postgres: {
    hold: [
      "CREATE FUNCTION no_credit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no credit yet'; END $$",
      `CREATE TRIGGER no_credit BEFORE INSERT ON events FOR EACH ROW WHEN (${type}) EXECUTE FUNCTION no_credit()`
    ],
    letGo: ["DROP TRIGGER no_credit ON events", "DROP FUNCTION no_credit()"]
  }
}

const execute = (db: string, which: "hold" | "letGo") =>
  Effect.scoped(
    Effect.gen(function* () {
      if (db.startsWith("sqlite:")) {
        const connection = new Database(db.slice("sqlite:".length))
        for (const statement of statements.sqlite[which]) connection.exec(statement)
        return connection.close()
      }
      const sql = yield* client(db)
      for (const statement of statements.postgres[which]) yield* sql.unsafe(statement)
    })
  )

/** From now on no transfer is credited: each stays where its source has paid. */
export const holdCredits = (db: string) => execute(db, "hold")
/** Credits are taken again. */
export const takeCredits = (db: string) => execute(db, "letGo")

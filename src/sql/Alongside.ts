/**
 * `Alongside` commits an application's own statements with a command: with its events, or not at all.
 *
 *     yield* orders("7").Place({ item }, { commandId }).pipe(
 *       Alongside.write(({ position }) => sql`INSERT INTO invoices (order_id, position) VALUES ('7', ${position})`)
 *     )
 *
 * Guarantees:
 *
 * - the statements run in the transaction that stores the command, after its events; a failure of theirs stores
 *   nothing, and is the answer;
 * - they run only where the command succeeds now: not for a refusal, and not for an answer that is given again under
 *   its id, since they were committed with the first one;
 * - they may run again after a rollback, as where a neighbour in the transaction failed; what they wrote before is gone
 *   then.
 *
 * Refused, with nothing stored: the client of another database, a caller within a transaction of its own, a statement
 * that would end the transaction, an aggregate or the writer that is asked in it, statements that take too long,
 * several commands, and a system or a store that cannot take them.
 */
import { SqlClient, TransactionConnection } from "@effect/sql/SqlClient"
import { type Cause, Context, Effect, Exit, Option, Schema } from "effect"
import { CurrentStatements, type Statements, type Stored } from "../core/Statements.ts"
import { SqlDatabase } from "./SqlDatabase.ts"

/**
 * The statements cannot be committed with the command because of the way in which they are given. Nothing was stored.
 */
export class StatementsRefused extends Schema.TaggedError<StatementsRefused>()("StatementsRefused", {
  reason: Schema.String
}) {
  override get message() {
    return `the statements cannot be committed with the command: ${this.reason}`
  }
}

const refuse = (reason: string) => new StatementsRefused({ reason })

const selectLog = "SELECT log_id FROM log_identity"

/** Clients of the application that were found to lead to the database where the statements run. */
const known = new WeakMap<SqlClient, SqlDatabase["Type"]>()

/**
 * Whether the client leads to this database: it is the database's own, or one of the application that finds the same
 * log there.
 */
const isOf = (database: SqlDatabase["Type"], client: SqlClient): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    if (database.clients.includes(client) || known.get(client) === database) return true
    // Each client has a database in memory of its own.
    if (database.name === ":memory:") return false
    const [theirs] = yield* client.unsafe(database.dialect.rename(selectLog)).values
    const [ours] = yield* database.read(selectLog, [])
    if (theirs?.[0] === undefined || theirs[0] !== ours?.[0]) return false
    known.set(client, database)
    return true
    // It finds no log, or nothing at all.
  }).pipe(Effect.orElseSucceed(() => false))

/**
 * Runs the statements in the transaction of the one command that the effect sends. Statements of a `SqlClient` in them,
 * whether of the context or of a service, are on the connection of that transaction. They may wait only for the
 * database: everything that writes waits for them.
 */
export const write =
  <B, E2, R2>(statements: (stored: Stored) => Effect.Effect<B, E2, R2>) =>
  <A, E, R>(
    command: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | E2 | StatementsRefused, R | Exclude<R2, SqlClient>> =>
    Effect.contextWithEffect((context: Context.Context<R | Exclude<R2, SqlClient>>) => {
      const within = context as Context.Context<never>
      if (Option.isSome(Context.getOption(within, TransactionConnection))) {
        return refuse("they were given within a transaction, which the command is not part of; send it outside of that")
      }
      const asked = Context.getOption(within, SqlClient)
      const own: Statements = {
        commandId: undefined,
        failure: undefined,
        run: (stored, provided) => {
          const database = Context.unsafeGet(provided, SqlDatabase)
          const isOurs = Option.isNone(asked) ? Effect.succeed(true) : isOf(database, asked.value)
          const run = Effect.provide(statements(stored) as Effect.Effect<B, E2>, Context.merge(within, provided))
          return Effect.if(isOurs, {
            onTrue: (): Effect.Effect<B, E2 | StatementsRefused> => run,
            onFalse: () => refuse("the SqlClient in the context is of another database")
          })
        }
      }
      return Effect.provideService(command, CurrentStatements, own).pipe(
        Effect.exit,
        Effect.flatMap((exit): Effect.Effect<A, E | E2 | StatementsRefused> => {
          if (own.failure !== undefined && Exit.isFailure(exit)) {
            return Effect.failCause(own.failure as Cause.Cause<E2 | StatementsRefused>)
          }
          if (own.commandId === undefined && Exit.isSuccess(exit)) return refuse("the effect sent no command")
          return exit
        })
      )
    })

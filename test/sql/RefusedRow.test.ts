/**
 * A row that the database refuses for whatever reason of its own: the command of that row fails, and none beside it
 * (NB2).
 */
import { join } from "node:path"
import { Rpc } from "@effect/rpc"
import Sqlite from "better-sqlite3"
import { Deferred, Effect, Either, Fiber, Layer, Logger, Schema, type Scope } from "effect"
import { assert, describe, it } from "vitest"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import { EventStore, type ProposedCommand } from "../../src/core/EventStore.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Writer from "../../src/sql/Writer.ts"
import { log, request } from "./Log.ts"
import { client, schema } from "./Postgres.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

const Added = Event.make("Added", {})
class Counter extends Aggregate.make("Counter", {
  id: Schema.String,
  state: Schema.Int,
  initial: 0,
  events: [Added],
  commands: [Rpc.make("Add", { success: Schema.Int })]
}) {}
const counters = Counter.toLayer({
  decide: { Add: () => Either.right([Added.make({})]) },
  evolve: { Added: (count) => count + 1 },
  reply: { Add: (count) => count }
}).pipe(Layer.provide(ActorSystemLocal.layer))

/** Runs a test on a database that takes no entry of a command whose id begins so. */
const stores: Record<string, (test: Test) => Effect.Effect<void, unknown, Scope.Scope>> = {
  sqlite: (test) =>
    Effect.gen(function* () {
      const filename = join(yield* temporaryFolder, "daybook.db")
      yield* Effect.scoped(Layer.build(SqliteStore.layer({ filename })))
      const database = new Sqlite(filename)
      database.exec(`CREATE TRIGGER picky BEFORE INSERT ON log_entries WHEN NEW.command_id LIKE 'poison%'
        BEGIN SELECT RAISE(ABORT, 'no poison here'); END`)
      database.close()
      yield* Effect.provide(test, SqliteStore.layer({ filename }))
    }),
  postgres: (test) =>
    Effect.gen(function* () {
      const url = yield* schema
      yield* Effect.scoped(Layer.build(PostgresStore.layer({ url })))
      const sql = yield* client(url)
      yield* sql.unsafe(`CREATE FUNCTION picky() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF NEW.command_id LIKE 'poison%' THEN RAISE EXCEPTION 'no poison here' USING ERRCODE = '54000'; END IF;
          RETURN NEW;
        END $$`)
      yield* sql.unsafe("CREATE TRIGGER picky BEFORE INSERT ON log_entries FOR EACH ROW EXECUTE FUNCTION picky()")
      yield* Effect.provide(test, PostgresStore.layer({ url }))
    })
}
type Test = Effect.Effect<void, unknown, Layer.Layer.Success<ReturnType<typeof SqliteStore.layer>> | Scope.Scope>

/** Runs the effects while the writer is held, so that what they append is one group. */
const together = <A, E, R>(effects: ReadonlyArray<Effect.Effect<A, E, R>>) =>
  Effect.gen(function* () {
    const writer = yield* Writer.Writer
    const [begun, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    yield* Effect.fork(writer.transact(() => Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(gate))))
    yield* Deferred.await(begun)
    const fibers = yield* Effect.forEach(effects, (effect) => Effect.fork(Effect.either(effect)))
    for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow()
    yield* Deferred.succeed(gate, undefined)
    return yield* Effect.forEach(fibers, Fiber.join)
  })

const commandsOf = (...ids: ReadonlyArray<string>): ReadonlyArray<ProposedCommand> =>
  ids.flatMap((id) => request("a", id).commands)

describe.each(Object.entries(stores))("a row that %s refuses", (_, on) => {
  const run = (test: Test) => () =>
    Effect.runPromise(Effect.scoped(Effect.provide(on(test), Logger.remove(Logger.defaultLogger))))

  it(
    "is refused with its command, and no other of its append or its group (NB2)",
    run(
      Effect.gen(function* () {
        const store = yield* EventStore
        const refusal = { outcome: "refusal", events: [] } as const
        const calls = [
          store.append([request("b", "b-1")]),
          store.append([{ ...request("a", ""), commands: commandsOf("a-1", "poison-1", "a-2", "a-1") }]),
          store.append([
            {
              ...request("c", ""),
              commands: commandsOf("c-1", "poison-2", "c-2", "poison-3").map((command) =>
                command.commandId === "poison-2" ? { ...command, ...refusal } : command
              )
            }
          ]),
          store.append([request("b", "b-2")])
        ]
        const words = (yield* together(calls)).map((answer) =>
          Either.isLeft(answer)
            ? [answer.left._tag]
            : answer.right.flatMap(({ verdicts }) =>
                verdicts.map((one) => (one._tag === "Refused" ? one.error._tag : one._tag))
              )
        )
        assert.deepStrictEqual(words, [
          ["Stored"],
          ["Stored", "StoreUnavailable", "Dropped", "InvalidArgument"],
          ["Stored", "StoreUnavailable", "Stored", "StoreUnavailable"],
          ["Stored"]
        ])
        assert.deepStrictEqual(
          (yield* log).map(({ commandId }) => commandId),
          ["b-1", "a-1", "c-1", "c-2", "b-2"]
        )
      })
    )
  )

  it(
    "fails its sender alone, among many actors and in its own mailbox (NB2)",
    run(
      Effect.gen(function* () {
        const of = yield* Counter
        // Known before, so that what is asked while the writer is held is one batch.
        const ids = Array.from({ length: 20 }, (_, index) => `${index}`)
        yield* Effect.forEach(ids, (id) => of(id).Add(undefined), { concurrency: "unbounded" })
        const asked = ids.flatMap((id) => [
          of(id).Add(undefined),
          ...(id === "7" ? [of(id).Add(undefined, { commandId: "poison" })] : []),
          of(id).Add(undefined)
        ])
        const answers = (yield* together(asked)).map((answer) =>
          Either.isLeft(answer) ? (answer.left as { readonly _tag: string })._tag : answer.right
        )
        assert.deepStrictEqual(
          answers,
          ids.flatMap((id) => (id === "7" ? [2, "StoreUnavailable", 3] : [2, 3]))
        )
      }).pipe(Effect.provide(counters))
    )
  )
})

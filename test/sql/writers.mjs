/**
 * A process with many writers for tests: `node writers.mjs <dist> <url> <name> <writers> <transactions> <seed>`. Each
 * writer has a connection of its own, and pauses between what it wrote and its end: it commits, rolls back, or has its
 * connection ended, then or in the commit. It tells on its output what was committed (`committed ID POSITION`) and what
 * surely was not (`undone ID`).
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Option, Random, Redacted } from "effect"

const [dist, url, name, writers, transactions, seed] = process.argv.slice(2)
const AppendGroup = await import(`${dist}/sql/AppendGroup.js`)
const LogStatements = await import(`${dist}/sql/LogStatements.js`)
const PostgresDialect = await import(`${dist}/sql/PostgresDialect.js`)

const dialect = PostgresDialect.make({ sender: name, statementTimeoutMs: 60_000, synchronousCommit: null })
const log = LogStatements.statements(dialect)
/** As the store's own: numbers are numbers. */
const types = { getTypeParser: (type) => ([20, 23].includes(type) ? Number : (text) => text) }

const request = (streamId, commandId) => {
  const names = {
    commandId,
    isNew: false,
    command: "Note",
    fingerprint: "f",
    correlationId: commandId,
    causationId: null,
    traceparent: null
  }
  const events = [{ type: "Noted", schemaVersion: 1, data: "{}" }]
  const command = { ...names, events, outcome: "success", answer: () => ({ text: "{}", version: 1 }) }
  return { streamId, expectedVersion: "any", commands: [command] }
}

const transaction = (client, commandId) =>
  Effect.gen(function* () {
    const connection = dialect.adapt(yield* client.reserve)
    const end = connection.executeRaw("SELECT pg_terminate_backend(pg_backend_pid())", [])
    const begun = yield* Effect.option(dialect.begin(connection, "2 minutes"))
    // The connection may still be the one that was ended in the last transaction.
    if (Option.isNone(begun)) return `undone ${commandId}`
    const streamId = `s-${yield* Random.nextIntBetween(0, 20)}`
    const call = { requests: [request(streamId, commandId)], misfits: new Map(), now: Date.now() }
    const { results } = yield* AppendGroup.write(connection, log, [call])
    const [{ verdicts }] = results[0]
    const pause = yield* Random.next
    // Most pauses are short, and some are long.
    yield* Effect.sleep(pause < 0.95 ? pause * 5 : 50)
    const fate = yield* Random.next
    if (fate < 0.1) {
      yield* dialect.rollBack(connection)
      return `undone ${commandId}`
    }
    if (fate < 0.15) {
      yield* Effect.ignore(end)
      return `undone ${commandId}`
    }
    if (fate < 0.2) {
      // The commit is on its way when its connection ends: nobody here knows what became of it.
      yield* Effect.all([Effect.ignore(dialect.commit(connection, true)), Effect.ignore(end)], { concurrency: 2 })
      return undefined
    }
    yield* dialect.commit(connection, true)
    return `committed ${commandId} ${verdicts[0].command.position}`
  }).pipe(Effect.scoped)

const writer = (number) =>
  Effect.gen(function* () {
    const client = yield* PgClient.make({ url: Redacted.make(url), maxConnections: 1, types })
    for (let count = 0; count < Number(transactions); count++) {
      const line = yield* transaction(client, `${name}-${number}-${count}`)
      if (line !== undefined) process.stdout.write(`${line}\n`)
    }
  }).pipe(Effect.scoped, Effect.withRandom(Random.make(`${seed} ${name} ${number}`)))

await Effect.runPromise(
  Effect.forEach(
    Array.from({ length: Number(writers) }, (_, number) => number),
    writer,
    {
      concurrency: "unbounded",
      discard: true
    }
  ).pipe(Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make))
)

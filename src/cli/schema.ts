/** `daybook schema`: locks the stored forms of an aggregate's events in a file, or checks them against it. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Cause, Effect, Option, Schema } from "effect"
import { Account } from "../account/Account.ts"
import { Transfer } from "../account/Transfer.ts"
import * as Aggregate from "../core/Aggregate.ts"
import * as EventsLock from "../core/EventsLock.ts"
import * as EventFixtures from "../testing/EventFixtures.ts"
import * as Output from "./Output.ts"
import { UsageError } from "./UsageError.ts"

const options = {
  check: Options.boolean("check").pipe(
    Options.withDescription("change nothing; exit code 1 when the lock does not agree")
  ),
  json: Output.jsonOption,
  lock: Options.text("lock").pipe(Options.withDefault("events.lock.json"), Options.withDescription("the lock file")),
  module: Options.text("module").pipe(
    Options.optional,
    Options.withDescription("a module that exports aggregates; without it those of this program")
  ),
  fixtures: Options.text("fixtures").pipe(
    Options.withDefault("test/fixtures/events"),
    Options.withDescription("a folder of events as earlier releases stored them")
  )
}

type Found = EventsLock.Locked & Parameters<typeof EventFixtures.assertReadable>[0]

/** The aggregates that a module exports. */
const load = (path: string): Effect.Effect<ReadonlyArray<Found>, UsageError> =>
  Effect.gen(function* () {
    const loaded = yield* Effect.tryPromise({
      try: () => import(pathToFileURL(resolve(path)).href) as Promise<Record<string, unknown>>,
      catch: (error) =>
        new UsageError({ reason: `${path} cannot be loaded: ${error instanceof Error ? error.message : error}` })
    })
    const aggregates = Object.values(loaded).filter(Aggregate.isAggregate)
    if (aggregates.length === 0) return yield* new UsageError({ reason: `${path} exports no aggregate` })
    return aggregates
  })

const Locks = Schema.parseJson(Schema.Array(EventsLock.EventsLock))

const readLocks = (file: string) =>
  Effect.try({
    try: () => (existsSync(file) ? Schema.decodeSync(Locks)(readFileSync(file, "utf8")) : []),
    catch: () => new UsageError({ reason: `${file} is no lock of events; remove it to begin a new one` })
  })

export const command = Command.make("schema", options, ({ check, fixtures, json, lock: file, module }) =>
  Effect.gen(function* () {
    const aggregates = Option.isSome(module) ? yield* load(module.value) : [Account, Transfer]
    const locks = yield* readLocks(file)
    const problems: Array<string> = []
    for (const aggregate of aggregates) {
      const { broken, missing } = EventsLock.compare(
        locks.find((one) => one.aggregate === aggregate.aggregate),
        aggregate
      )
      problems.push(...broken, ...(check ? missing : []))
      const readable = yield* Effect.exit(EventFixtures.assertReadable(aggregate, fixtures))
      if (readable._tag === "Failure") {
        // What it was and what it is stands in the lines below the first.
        const [why] = String((Cause.squash(readable.cause) as Error).message).split("\n")
        problems.push(`a fixture of ${aggregate.aggregate} in ${fixtures} no longer decodes: ${why}`)
      }
    }
    const names = aggregates.map(({ aggregate }) => aggregate)
    if (problems.length > 0) {
      yield* Output.result(json, { ok: false, aggregates: names, problems }, problems)
      return yield* new UsageError({ reason: `the stored forms do not agree with ${file}: ${problems[0]}` })
    }
    if (!check) {
      const others = locks.filter(({ aggregate }) => !names.includes(aggregate))
      const all = [...others, ...aggregates.map(EventsLock.of)]
      writeFileSync(file, `${JSON.stringify(all, undefined, 2)}\n`)
    }
    yield* Output.result(json, { ok: true, aggregates: names, problems }, [
      check ? `${names.join(", ")}: as locked in ${file}` : `${names.join(", ")}: locked in ${file}`
    ])
  })
).pipe(Command.withDescription("Lock the stored forms of events, or check them against the lock."))

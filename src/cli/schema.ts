/** `daybook schema`: locks what an aggregate stores in a file, or checks it against that file. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Cause, Effect, Option } from "effect"
import * as Aggregate from "../core/Aggregate.ts"
import * as ContractLock from "../core/ContractLock.ts"
import type { Application } from "../projection/Application.ts"
import * as EventFixtures from "../testing/EventFixtures.ts"
import * as Output from "./Output.ts"
import { Finding } from "./UsageError.ts"

const options = {
  accept: Options.text("accept").pipe(
    Options.repeated,
    Options.withDescription("a place in the contract whose examples may read otherwise, since they mean the same")
  ),
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

type Found = ContractLock.Locked & Parameters<typeof EventFixtures.assertReadable>[0]

/** The aggregates that a module exports. */
const load = (path: string): Effect.Effect<ReadonlyArray<Found>, Finding> =>
  Effect.gen(function* () {
    const loaded = yield* Effect.tryPromise({
      try: () => import(pathToFileURL(resolve(path)).href) as Promise<Record<string, unknown>>,
      catch: (error) =>
        new Finding({ reason: `${path} cannot be loaded: ${error instanceof Error ? error.message : error}` })
    })
    const aggregates = Object.values(loaded).filter(Aggregate.isAggregate)
    if (aggregates.length === 0) return yield* new Finding({ reason: `${path} exports no aggregate` })
    return aggregates
  })

const readLocks = (file: string) =>
  Effect.try({
    try: () => (existsSync(file) ? ContractLock.fromText(readFileSync(file, "utf8")) : []),
    catch: () => new Finding({ reason: `${file} is not a lock of contracts; remove it to begin a new one` })
  })

export const command = (app: Application) =>
  Command.make("schema", options, ({ accept, check, fixtures, json, lock: file, module }) =>
    Effect.gen(function* () {
      const aggregates = Option.isSome(module)
        ? yield* load(module.value)
        : app.aggregates.map(({ contract }) => contract)
      const locks = yield* readLocks(file)
      const lockOf = (name: string) => locks.find(({ aggregate }) => aggregate === name)
      const problems: Array<string> = []
      const notes: Array<string> = []
      for (const aggregate of aggregates) {
        const found = ContractLock.compare(lockOf(aggregate.aggregate), aggregate, accept)
        const { broken, missing } = found
        notes.push(...found.notes)
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
        return yield* new Finding({ reason: `the contract does not agree with ${file}: ${problems[0]}` })
      }
      if (!check) {
        const others = locks.filter(({ aggregate }) => !names.includes(aggregate))
        const current = aggregates.map((aggregate) => ContractLock.of(aggregate, lockOf(aggregate.aggregate)))
        writeFileSync(file, ContractLock.toText([...others, ...current]))
      }
      yield* Output.result(json, { ok: true, aggregates: names, problems, notes }, [
        ...notes,
        check ? `${names.join(", ")}: as locked in ${file}` : `${names.join(", ")}: locked in ${file}`
      ])
    })
  ).pipe(Command.withDescription("Lock what aggregates store, or check it against the lock."))

/**
 * `daybook diff --with NEW`: folds the whole log through two programs and lists where they differ, with the first
 * version at which they part. The check before a deploy: nothing is written, and the exit code is 1 where anything
 * differs.
 */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Context, Effect } from "effect"
import { EventStore } from "../core/EventStore.ts"
import type { Application } from "../projection/Application.ts"
import * as Comparison from "../projection/Comparison.ts"
import type { Any } from "../projection/Projection.ts"
import { ReadModels } from "../projection/ReadModels.ts"
import * as ReadTransaction from "../sql/ReadTransaction.ts"
import * as Database from "./Database.ts"
import * as LoadApplication from "./LoadApplication.ts"
import * as ModelVerification from "./ModelVerification.ts"
import * as Output from "./Output.ts"
import { Finding } from "./UsageError.ts"

/** Differences that are told; one cause may have many. */
const maxTold = 1_000

const ofModel = (kind: "projection" | "row", name: string, what: string): Comparison.Difference => ({
  kind,
  name,
  streamId: null,
  version: null,
  path: null,
  paths: 0,
  what
})

/**
 * Fills the tables of both with the log, each in a database of its own, and gives the first row in which they differ.
 */
const compareModels = (old: Any, next: Any) =>
  Effect.gen(function* () {
    const position = yield* Effect.flatMap(EventStore, (store) => store.lastPosition)
    const [before, after] = yield* Effect.all([ModelVerification.scratch, ModelVerification.scratch])
    const upTo = ({ name, version }: Any) => ({ projection: name, version, generation: 0, position })
    const left = yield* ModelVerification.fold(old, upTo(old), before)
    const right = yield* ModelVerification.fold(next, upTo(next), after)
    if (left === undefined || right === undefined) {
      if (left === right) return undefined
      return ofModel("row", old.name, `the ${left === undefined ? "old" : "new"} program cannot build it of this log`)
    }
    for (const table of new Set([...old.tables, ...next.tables])) {
      const [one, other] = [left.tables[table], right.tables[table]]
      if (one === undefined || other === undefined) {
        return ofModel("row", old.name, `only the ${one === undefined ? "new" : "old"} program has the table ${table}`)
      }
      const stores = [Context.get(before, ReadModels), Context.get(after, ReadModels)] as const
      const found = yield* ModelVerification.difference(stores[0], table, one, stores[1], other)
      if (found !== undefined) return ofModel("row", old.name, `${found}: they are not of both programs alike`)
    }
    return undefined
  }).pipe(
    Effect.scoped,
    Effect.catchTag("ApplyFailed", ({ message }) => Effect.succeed(ofModel("row", old.name, message)))
  )

/** Compares two programs over the log of the stores, in one state of it; calls `found` for each difference. */
export const run = (
  old: Application,
  next: Application,
  found: (difference: Comparison.Difference) => void,
  progress?: Comparison.Progress
) =>
  ReadTransaction.within(
    Effect.gen(function* () {
      const counts = yield* Comparison.run(old, next, found, progress)
      const [before, after] = [old, next].map(
        ({ projections }) => new Map(projections.map((each) => [each.name, each]))
      )
      for (const name of new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])) {
        const [left, right] = [before?.get(name), after?.get(name)]
        if (left === undefined || right === undefined) {
          found(ofModel("projection", name, `only the ${left === undefined ? "new" : "old"} program has it`))
          continue
        }
        const difference = yield* compareModels(left, right)
        if (difference !== undefined) found(difference)
      }
      return counts
    })
  )

const describe = ({ kind, name, path, paths, streamId, version, what }: Comparison.Difference): string => {
  const where = streamId === null ? name : `${streamId} version ${version}`
  const at =
    path === null ? "" : `, at ${path === "" ? "the whole state" : path}${paths > 1 ? ` and ${paths - 1} more` : ""}`
  return Output.plain(`${kind}  ${where}: ${what}${at}`)
}

export const command = (app: Application) =>
  Command.make(
    "diff",
    {
      db: Database.databaseOption,
      json: Output.jsonOption,
      with: Options.text("with").pipe(
        Options.withDescription("the new program: a module that exports an application; --app is the old one")
      )
    },
    ({ db, json, with: module }) =>
      Effect.gen(function* () {
        const next = yield* LoadApplication.load(module)
        const differences: Array<Comparison.Difference> = []
        let count = 0
        const progress = { streams: 0, events: 0, answers: 0 }
        const compared = yield* Output.withStatusLine(
          Effect.sync(() => `${progress.events} events of ${progress.streams} streams, ${progress.answers} answers`),
          run(
            app,
            next,
            (difference) => {
              count++
              if (differences.length < maxTold) differences.push(difference)
            },
            progress
          )
        )
        const summary = `${compared.events} events of ${compared.streams} streams, ${compared.answers} answers`
        yield* Output.result(json, { ...compared, count, differences }, [
          ...differences.map(describe),
          ...(count > differences.length ? [`and ${count - differences.length} more`] : []),
          `${summary}: ${count === 0 ? "the programs make the same of them" : `${count} differences`}`
        ])
        if (count > 0) return yield* new Finding({ reason: `the programs differ in ${count} places` })
      }).pipe(Effect.provide(Database.layer(db, "readOnly")))
  ).pipe(
    Command.withDescription("Compare this program with another one over the whole log; exit code 1 where they differ.")
  )

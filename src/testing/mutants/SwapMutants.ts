/**
 * Stores with one fault each that those meet who share a database with the read side, for the rules of `Names` and
 * `Swaps`.
 */
import { Buffer } from "node:buffer"
import { Effect } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import { SwapFailed } from "../../projection/ProjectionError.ts"
import { ReadModels } from "../../projection/ReadModels.ts"
import { OtherSession } from "../projection/OtherSession.ts"
import { Swaps } from "../projection/Swaps.ts"
import type { Fails, Mutant } from "./Mutant.ts"
import { changingBoth, changingBy, mutant, type SharedReadSide } from "./PortMutant.ts"

/**
 * How the names of the cases begin of what only PostgreSQL has: rights, triggers on views, and others who write at the
 * same time.
 */
const ofPostgres = ["where the columns", "a trigger of others", "a swap that waits", "what `create`", "an open reader"]
const isOfPostgres = ({ name }: { readonly name: string }) => ofPostgres.some((start) => name.startsWith(start))

/** The rules that these mutants are made for, on any database and on PostgreSQL. */
export const rules = Swaps.filter((each) => !isOfPostgres(each))
export const rulesOnPostgres = Swaps.filter(isOfPostgres)

const longest = 63

export const NameMutants: ReadonlyArray<Mutant<SharedReadSide>> = [
  mutant(
    "applies each batch twice where a name is as long as can be",
    ["tables of every name"],
    CheckpointStore,
    ({ advance }) => ({
      advance: (from, move, change) =>
        advance(from, move, Buffer.byteLength(from.projection) === longest ? Effect.zipRight(change, change) : change)
    })
  ),
  mutant("takes two long names for one that differ in the last letter", ["two tables"], ReadModels, ({ query }) => ({
    query: (sql, params) => query(sql.replace(/(\w{50,}_)b\b/, "$1a"), params)
  }))
]

/** A store that does this to the database before each swap. */
const beforeSwap = (name: string, fails: Fails, sql: string): Mutant<SharedReadSide> => ({
  name,
  fails,
  of: changingBy(GenerationStore, OtherSession, ({ swap }, { run }) => ({
    swap: (shadow, live) => Effect.zipRight(Effect.ignore(run(sql)), swap(shadow, live))
  }))
})

/** A store that says something else of what keeps a model from its place. */
const failingSwap = (name: string, fails: Fails, change: (error: SwapFailed) => unknown): Mutant<SharedReadSide> =>
  mutant(name, fails, GenerationStore, ({ swap }) => ({
    swap: (shadow, live) =>
      Effect.catchTag(swap(shadow, live), "SwapFailed", (error) => {
        const { mayPass, projection } = error
        return new SwapFailed({ projection, mayPass, cause: change(error) })
      })
  }))

export const SwapMutants: ReadonlyArray<Mutant<SharedReadSide>> = [
  beforeSwap("takes a view of others away", ["a view of others"], "DROP VIEW report"),
  failingSwap("does not name a view that is in the way", ["rights stay"], () => new Error("something is in the way")),
  mutant("counts one attempt more to make tables", ["an index of a fixed name"], GenerationStore, ({ noteBuild }) => ({
    noteBuild: (name, failure) =>
      noteBuild(name, failure?.step === "create" ? { ...failure, attempts: failure.attempts + 1 } : failure)
  })),
  mutant("removes nothing", ["what is no longer", "a table that a renamed"], GenerationStore, () => ({
    remove: () => Effect.succeed(true)
  })),
  {
    name: "takes a table away with its former name",
    fails: ["a table that a renamed"],
    of: changingBy(GenerationStore, OtherSession, ({ remove }, { run }) => ({
      remove: (name) => Effect.zipLeft(remove(name), Effect.ignore(run("DROP VIEW shared")))
    }))
  }
]

export const SwapMutantsOnPostgres: ReadonlyArray<Mutant<SharedReadSide>> = [
  beforeSwap("gives others more rights with a swap", ["where the columns"], "GRANT DELETE ON model TO PUBLIC"),
  failingSwap("does not name a trigger that is in the way", ["a trigger of others"], ({ cause, mayPass }) =>
    mayPass ? cause : new Error("something is in the way")
  ),
  failingSwap("does not say what those do who are in the way", ["a swap that waits"], ({ cause, message }) =>
    message.includes("those who write") ? new Error(message.replace("those who write", "others")) : cause
  ),
  {
    name: "stores nothing while tables are made",
    fails: ["what `create`"],
    of: changingBoth(GenerationStore, EventStore, ({ beginShadow }, { append }) => {
      let making = 0
      const start = Effect.sync(() => making++)
      const end = Effect.sync(() => making--)
      const ended: Effect.Effect<void> = Effect.suspend(() =>
        making === 0 ? Effect.void : Effect.zipRight(Effect.sleep("2 millis"), ended)
      )
      return [
        {
          beginShadow: (projection) =>
            Effect.acquireUseRelease(
              start,
              () => beginShadow(projection),
              () => end
            )
        },
        { append: (requests, place) => Effect.zipRight(ended, append(requests, place)) }
      ]
    })
  },
  mutant(
    "says of a swap that waits that tables cannot be made",
    ["an open reader"],
    GenerationStore,
    ({ noteBuild }) => ({
      noteBuild: (name, failure) =>
        noteBuild(name, failure !== null && !failure.halted ? { ...failure, step: "create" } : failure)
    })
  )
]

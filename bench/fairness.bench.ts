/**
 * Question: how long do innocent commands wait for their answers where most commands on their stream are poison,
 * against the same where those are innocent too? Method: 500 commands of one kind and 50 innocent ones, each eleventh,
 * sent to one live actor in one go, SQLite at synchronous=FULL. The kinds: an id that another command was stored under,
 * an id with too many characters, one with too many bytes, a `decide` that throws, a `reply` that throws, an event that
 * its schema refuses, an event over the limit of its size. Timed until the last of the 50 is answered, however long the
 * others take; contestants in turn on fresh files, medians. Each comes to all of the 50 answered and stored. Not
 * measured: other streams; commands that come one after the other.
 */
import { join } from "node:path"
import { Rpc } from "@effect/rpc"
import { Effect, Either, Exit, Fiber, Layer, Logger, Schema } from "effect"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../src/core/Aggregate.ts"
import * as Event from "../src/core/Event.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import { type Contestant, compare, type Ratio, type Result, ratio, size } from "./harness.ts"

const innocents = size(5, 50)
/** Poison commands for each innocent one. */
const share = 10

const kinds = [
  "innocent",
  "reused id",
  "id too long in characters",
  "id too long in bytes",
  "throwing decide",
  "throwing reply",
  "unencodable event",
  "refused size"
] as const
type Kind = (typeof kinds)[number]

const Served = Event.make("Served", { number: Schema.Int, text: Schema.String })

class Counter extends Aggregate.make("Counter", {
  id: Schema.String,
  state: Schema.Struct({ served: Schema.Int, last: Schema.Int }),
  initial: { served: 0, last: 0 },
  events: [Served],
  commands: [
    Rpc.make("Serve", {
      payload: { number: Schema.Int, kind: Schema.Literal(...kinds) },
      success: Schema.Struct({ served: Schema.Int })
    })
  ]
}) {}

/** Numbers of poison commands are negative; these are their replies that throw. */
const throwsReply = -1_000_000

const CounterLive = Counter.toLayer({
  decide: {
    Serve: ({ kind, number }) => {
      if (kind === "throwing decide") throw new Error("poison")
      if (kind === "throwing reply") return Either.right([Served.make({ number: throwsReply, text: "" })])
      // Another error of the caller's code: the type says that a whole number is given.
      if (kind === "unencodable event") return Either.right([Served.make({ number: 0.5, text: "" })])
      return Either.right([Served.make({ number, text: kind === "refused size" ? "x".repeat(1_100_000) : "" })])
    }
  },
  evolve: { Served: ({ served }, { number }) => ({ served: served + (number > 0 ? 1 : 0), last: number }) },
  reply: {
    Serve: ({ last, served }) => {
      if (last === throwsReply) throw new Error("poison")
      return { served }
    }
  }
})

const idOf = (kind: Kind, number: number): string => {
  if (kind === "id too long in characters") return `${number}${"x".repeat(2_000)}`
  // As Daybook makes them for itself, of which more characters are taken.
  if (kind === "id too long in bytes") return `\u0001${number}${"\u20ac".repeat(1_000)}`
  return `${kind} ${number}`
}

const contestant = (kind: Kind): Contestant => ({
  name: kind,
  run: (folder) =>
    Effect.gen(function* () {
      const counter = yield* Counter
      const numbers = Array.from({ length: innocents * (share + 1) }, (_, number) => number + 1)
      // Stored under these ids, on another stream.
      yield* Effect.forEach(
        kind === "reused id" ? numbers : [],
        (number) => counter("other").Serve({ number, kind: "innocent" }, { commandId: idOf(kind, number) }),
        { concurrency: "unbounded", discard: true }
      )
      const one = counter("one")
      yield* one.Serve({ number: -1, kind: "innocent" })
      const start = performance.now()
      const sent = yield* Effect.forEach(numbers, (number) =>
        Effect.fork(
          Effect.exit(
            number % (share + 1) === 0
              ? one.Serve({ number, kind: "innocent" })
              : one.Serve({ number: -number, kind }, { commandId: idOf(kind, number) })
          )
        )
      )
      const answers = yield* Effect.forEach(
        sent.filter((_, index) => numbers[index] !== undefined && numbers[index] % (share + 1) === 0),
        Fiber.join
      )
      const seconds = (performance.now() - start) / 1_000
      yield* Effect.forEach(sent, Fiber.join, { discard: true })
      const answered = answers.filter(Exit.isSuccess).length
      const { state } = yield* one.state
      return { count: innocents, seconds, checksum: `${answered} answered, ${state.served} stored` }
    }).pipe(
      Effect.provide(
        CounterLive.pipe(
          Layer.provide(ActorSystemLocal.layer),
          Layer.provide(SqliteStore.layer({ filename: join(folder, "daybook.db") }))
        )
      ),
      Effect.provide(Logger.remove(Logger.defaultLogger)),
      Effect.runPromise
    )
})

export const run = async (): Promise<ReadonlyArray<Result>> => [
  await compare(
    `innocent commands among ${share} times as many of a kind, on one stream`,
    "answered per second",
    kinds.map(contestant)
  )
]

export const ratios = ([result]: ReadonlyArray<Result>): ReadonlyArray<Ratio> =>
  kinds.slice(1).map((kind) => ({
    what: `wait of ${innocents} innocent commands among ${innocents * share} poison ones, ${kind}, against all innocent`,
    ratio: ratio(result, "innocent", kind),
    atMost: 1.5
  }))

/**
 * A process of its own, whose heap is bounded by its options: `node largeStream.mjs <dist> <filename> <verb> <events>`.
 * Prints what it came to as one line of JSON.
 */
import process from "node:process"
import { Rpc } from "@effect/rpc"
import { Effect, Either, Layer, Schema } from "effect"

const [dist, filename, verb, count] = process.argv.slice(2)
const Aggregate = await import(`${dist}/core/Aggregate.js`)
const ActorSystemLocal = await import(`${dist}/core/ActorSystemLocal.js`)
const ActorConfig = await import(`${dist}/core/ActorConfig.js`)
const Event = await import(`${dist}/core/Event.js`)
const SqliteStore = await import(`${dist}/sql/SqliteStore.js`)

const Filed = Event.make("Filed", { text: Schema.String })

class Archive extends Aggregate.make("Archive", {
  id: Schema.String,
  state: Schema.Struct({ filed: Schema.Int }),
  initial: { filed: 0 },
  events: [Filed],
  commands: [
    Rpc.make("File", { payload: { text: Schema.String }, success: Schema.Struct({ filed: Schema.Int }) }),
    Rpc.make("FileMany", { payload: { times: Schema.Int }, success: Schema.Struct({ filed: Schema.Int }) })
  ]
}) {}

const archives = Archive.toLayer({
  decide: {
    File: ({ text }) => Either.right([Filed.make({ text })]),
    FileMany: ({ times }) => Either.right(Array.from({ length: times }, () => Filed.make({ text: "" })))
  },
  evolve: { Filed: ({ filed }) => ({ filed: filed + 1 }) },
  reply: { File: (state) => state, FileMany: (state) => state }
})

/** Longest time in milliseconds for which nothing else could run. */
const longestHold = async (work) => {
  let last = performance.now()
  let longest = 0
  const beat = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    timer = setImmediate(beat)
  }
  let timer = setImmediate(beat)
  const result = await work()
  clearImmediate(timer)
  return { longest: Math.max(longest, performance.now() - last), result }
}

const verbs = {
  /** Files this many texts of a megabyte. */
  fill: (archive) => {
    const text = "x".repeat(1_000_000)
    return Effect.repeatN(archive("a").File({ text }), Number(count) - 1)
  },
  /** Reads the state of that stream, of which there is no snapshot. */
  recover: (archive) => archive("a").state,
  /** One command with this many events. */
  many: (archive) =>
    Effect.map(Effect.either(archive("b").FileMany({ times: Number(count) })), (answer) =>
      Either.isLeft(answer) ? { _tag: answer.left._tag, limit: answer.left.limit } : answer.right
    )
}

const stores = SqliteStore.layer({ filename, durability: "normal" })
const limits = ActorConfig.layer({ snapshotEvery: 1_000_000, snapshotMinEvents: 1_000_000 })
const layer = archives.pipe(Layer.provide(ActorSystemLocal.layer), Layer.provide(Layer.merge(stores, limits)))
const { longest, result } = await longestHold(() =>
  Effect.runPromise(Effect.provide(Effect.flatMap(Archive, verbs[verb]), layer))
)
process.stdout.write(`${JSON.stringify({ result, longest, rss: process.resourceUsage().maxRSS * 1_024 })}\n`)

/**
 * `StreamConfig` is how a stream of JetStream is set up for a log, and what is asserted of one that is there, and of
 * its servers, before anything is written: with other settings it would drop, repeat, rewrite or tear what it
 * acknowledged.
 */
import { Effect, LogLevel } from "effect"
import * as FaultLog from "../core/FaultLog.ts"
import { DatabaseError, type Problem } from "../sql/DatabaseError.ts"
import type * as JetStream from "./JetStream.ts"
import * as LogMessage from "./LogMessage.ts"
import type { NatsAddress } from "./NatsAddress.ts"
import type { NatsConnection } from "./NatsConnection.ts"
import { NatsFault } from "./NatsFault.ts"

/** Names under which a stream notes facts about its log. */
const notes = { logId: "daybook.log", form: "daybook.form", restored: "daybook.restored", state: "daybook.state" }
const form = "1"

const logSubject = (stream: string): string => `${stream}.log`
export const payloadSubject = (stream: string, sequence: number): string => `${stream}.payload.${sequence}`
export const payloadSequence = (subject: string): number => Number(subject.slice(subject.lastIndexOf(".") + 1))
export const payloadSubjects = (stream: string): string => `${stream}.payload.*`

/** Where its writers tell each other of what they wrote. Not stored. */
export const wakeSubject = (stream: string): string => `${stream}.wake`

export const message = (stream: string, part: LogMessage.Part, end: number): JetStream.NewMessage => ({
  subject: part.payload === undefined ? logSubject(stream) : payloadSubject(stream, part.payload.sequence),
  body: LogMessage.encode(part, end)
})

const noted = (logId: string) => ({ [notes.logId]: logId, [notes.form]: form })
export const halfCopied = (logId: string) => ({ ...noted(logId), [notes.state]: "copying" })
export const restored = (logId: string, last: number) => ({ ...noted(logId), [notes.restored]: String(last) })

/** A new stream. */
export const make = (stream: string, replicas: number, logId: string): JetStream.Config => ({
  name: stream,
  subjects: [logSubject(stream), payloadSubjects(stream)],
  storage: "file",
  retention: "limits",
  num_replicas: replicas,
  max_msgs: -1,
  max_bytes: -1,
  max_age: 0,
  max_msgs_per_subject: -1,
  max_msg_size: -1,
  discard: "new",
  deny_purge: true,
  allow_direct: true,
  allow_atomic: true,
  metadata: noted(logId)
})

/** Which log the stream holds. `restored`: up to which message it was copied. */
export interface Noted {
  readonly logId: string
  readonly restored: number
}

export const notedIn = ({ metadata = {} }: JetStream.Config): Noted => ({
  logId: metadata[notes.logId] ?? "",
  restored: Number(metadata[notes.restored] ?? 0)
})

/** The first setting that is wrong, with its name. */
const wrongSetting = (config: JetStream.Config): string | undefined => {
  const right = make(config.name, config.num_replicas, "")
  const { metadata: _, subjects, ...exact } = right
  for (const [name, value] of Object.entries(exact)) {
    const found = config[name as keyof JetStream.Config]
    if (found !== value) return `${name} is ${String(found)} and not ${String(value)}`
  }
  if (JSON.stringify(config.subjects) !== JSON.stringify(subjects)) return `subjects are not ${subjects.join(", ")}`
  if (config.persist_mode !== undefined && config.persist_mode !== "default") return "persist_mode is not default"
  for (const name of [
    "mirror",
    "sources",
    "subject_transform",
    "sealed",
    "allow_rollup_hdrs",
    "allow_msg_ttl"
  ] as const) {
    if (config[name] !== undefined && config[name] !== false) return `${name} is set`
  }
  return undefined
}

/** What is wrong with a stream that is there. */
export const problemOf = (config: JetStream.Config): readonly [Problem, cause?: Error] | undefined => {
  const wrong = wrongSetting(config)
  const { metadata = {} } = config
  if (metadata[notes.logId] === undefined) return ["foreignStream", new Error("it was not made by Daybook")]
  if (metadata[notes.state] !== undefined) return ["halfCopied"]
  if (metadata[notes.form] !== form) return ["newer"]
  return wrong === undefined ? undefined : ["foreignStream", new Error(wrong)]
}

/** Why a stream no longer serves as this log: somebody made it again, or changed its settings. */
export const unfit = (config: JetStream.Config, logId: string): NatsFault | undefined => {
  const [problem, cause] = problemOf(config) ?? []
  if (problem !== undefined) {
    return new NatsFault("refused", `the stream ${config.name} is not as it was: ${cause?.message ?? problem}`)
  }
  if (notedIn(config).logId === logId) return undefined
  return new NatsFault("damaged", `the stream ${config.name} has another log now`)
}

/** Least `max_payload` of a server: the detail of an operation takes up to 3 MiB, an event or an answer 1 MiB. */
const leastPayload = 4 * 1_048_576

/** Most messages of a batch where the server does not say: its default. */
const defaultBatch = 1_000

/** How long a monitor may take to answer, in milliseconds. */
const monitorTimeoutMs = 5_000

interface Monitored {
  readonly config?: { readonly sync_always?: boolean }
  readonly limits?: { readonly max_batch_size?: number }
}

const ask = (monitor: string): Effect.Effect<Monitored, unknown> =>
  Effect.tryPromise(async (signal) => {
    const answer = await fetch(new URL("/jsz?config=true", monitor), { signal })
    return (await answer.json()) as Monitored
  }).pipe(Effect.timeout(monitorTimeoutMs))

/** Fails unless the servers are fit for a log. Returns how many messages a batch may have. */
export const assertServers = Effect.fnUntraced(function* (
  { client }: NatsConnection,
  { monitors, name }: NatsAddress,
  durability: "full" | "normal"
) {
  const fail = (problem: Problem, cause?: Error) => Effect.fail(new DatabaseError({ filename: name, problem, cause }))
  const info = client.info()
  const [major = 0, minor = 0] = (info?.version ?? "").split(".").map(Number)
  if (major < 2 || (major === 2 && minor < 12)) return yield* fail("oldNats", new Error(info?.version))
  if (info?.jetstream !== true) return yield* fail("noJetStream")
  if (info.max_payload < leastPayload)
    return yield* fail("smallMessages", new Error(`max_payload is ${info.max_payload}`))
  const found = yield* Effect.forEach(monitors, (monitor) => Effect.either(ask(monitor)), { concurrency: 4 })
  let batch: number | undefined
  // Where three are to outlive the loss of one, a process must start without it too: a majority confirms what is
  // acknowledged.
  const silent = monitors.filter((_, index) => found[index]?._tag === "Left")
  if (durability === "full" && silent.length > 0) {
    const reason = `${silent.join(" and ")} does not answer`
    if (silent.length * 2 >= monitors.length) return yield* fail("notSynced", new Error(reason))
    yield* FaultLog.report(LogLevel.Warning, "a server of the log does not say whether it syncs", { reason })
  }
  for (const [index, each] of found.entries()) {
    const monitor = monitors[index]
    if (each._tag === "Left") continue
    if (durability === "full" && each.right.config?.sync_always !== true) {
      return yield* fail("notSynced", new Error(`${monitor} says that it does not`))
    }
    batch = Math.min(batch ?? Number.MAX_SAFE_INTEGER, each.right.limits?.max_batch_size ?? defaultBatch)
  }
  return batch ?? defaultBatch
})

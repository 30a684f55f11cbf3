/**
 * `NatsOutlet` sends to a JetStream stream: at least once. The checkpoint in the database moves when a batch is
 * acknowledged, so that after a crash a batch is sent again. Each message has the event's id as `Nats-Msg-Id`: within
 * its window of duplicates the server keeps the first one alone; after it a consumer sees the same id twice, and drops
 * what it has seen by stream and position.
 *
 * The subject is `TOPIC.AGGREGATE.ID`, as `daybook.order.42` of stream `order-42`; what a subject cannot hold is
 * percent-encoded. Events of one stream are sent one after the other, each when the one before was acknowledged; those
 * of different streams at once.
 */
import type { NatsConnection } from "@nats-io/transport-node"
import { Effect, Option, Schema } from "effect"
import * as MissingPackage from "../core/MissingPackage.ts"
import * as CloudEvent from "./CloudEvent.ts"
import { MessageRefused, type Outlet, type OutletError, OutletUnavailable, type Sender } from "./Outlet.ts"

export interface Options {
  /** `HOST:PORT` of each server. */
  readonly servers: ReadonlyArray<string>
  /** How the subjects begin. Default: `daybook`. */
  readonly topic?: string
  readonly user?: string
  readonly password?: string
  readonly tls?: boolean
  /** The JetStream stream that is made where none takes the subjects. Default: the topic in capitals. */
  readonly stream?: string
  /** Copies that such a stream has. Default 1. */
  readonly replicas?: number
  /** Its window of duplicates, in seconds. Default 120. */
  readonly duplicateWindow?: number
}

/** Milliseconds for a connection, and for each answer. */
const timeout = 5_000

/** Streams of the log whose events are under way at once. */
const maxInFlight = 64

const Answer = Schema.parseJson(
  Schema.Struct({
    stream: Schema.optional(Schema.String),
    streams: Schema.optional(Schema.NullOr(Schema.Array(Schema.String))),
    config: Schema.optional(
      Schema.Struct({
        metadata: Schema.optional(Schema.NullOr(Schema.Record({ key: Schema.String, value: Schema.String })))
      })
    ),
    error: Schema.optional(
      Schema.Struct({ code: Schema.Number, err_code: Schema.optional(Schema.Number), description: Schema.String })
    )
  })
)
const decode = Schema.decodeUnknownOption(Answer)

/** The server's code for a message larger than its stream takes. */
const tooLarge = 10_054

/**
 * Longest subject that is sent, in bytes: a server closes the connection at a line of more than 4 KiB, as it is set up,
 * in which the subject for the answer stands too.
 */
const maxSubject = 3_900

/** What the stream of a log of Daybook notes of itself. */
const logNote = "daybook.log"

/** What cannot stand in a token of a subject, or would end it. */
const tokenOf = (text: string): string =>
  text.replaceAll(/[^A-Za-z0-9_-]/gu, (found) =>
    encodeURIComponent(found).replaceAll(".", "%2E").replaceAll("*", "%2A")
  )

/** The subject of the stream's events: `TOPIC.AGGREGATE.ID`. */
export const subjectOf = (topic: string, streamId: string): string => {
  const hyphen = streamId.indexOf("-")
  const parts = hyphen < 1 ? [streamId] : [streamId.slice(0, hyphen), streamId.slice(hyphen + 1)]
  return [topic, ...parts.map((part) => tokenOf(part) || "_")].join(".")
}

/** Sends to a stream of NATS JetStream, each event at least once. Nothing is connected before a relay runs. */
export const make = (options: Options): Outlet => {
  const { duplicateWindow = 120, password = "", replicas = 1, servers, tls = false, topic = "daybook", user } = options
  const { stream = topic.toUpperCase().replaceAll(/[^A-Z0-9_-]/g, "_") } = options
  const name = `${tls ? "tls" : "nats"}://${servers.join(",")}`
  const unavailable = (reason: string, cause?: unknown) => new OutletUnavailable({ outlet: name, reason, cause })

  const connected = Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        const nats = await import("@nats-io/transport-node")
        const credentials = user === undefined ? {} : { user, pass: password }
        // The first fault ends the session: the relay opens the next one itself, and sends again what it must.
        const client = await nats.connect({
          servers: [...servers],
          name: "daybook relay",
          timeout,
          reconnect: false,
          ...credentials,
          ...(tls && { tls: {} })
        })
        return { client, headers: nats.headers }
      },
      catch: (cause) => unavailable(MissingPackage.describe(cause, "a relay to NATS") ?? "it cannot be reached", cause)
    }),
    ({ client }) => Effect.promise(() => client.close())
  )

  const ask = (client: NatsConnection, subject: string, body: string, more: Parameters<NatsConnection["request"]>[2]) =>
    Effect.tryPromise({
      try: () => client.request(subject, body, more),
      catch: (cause) => unavailable("it did not answer", cause)
    }).pipe(
      Effect.flatMap((answer) =>
        Option.match(decode(answer.string()), {
          onNone: () => Effect.fail(unavailable("its answer cannot be understood")),
          onSome: (read) => Effect.succeed(read)
        })
      )
    )

  /** Makes the stream where none takes the subjects. */
  const ensureStream = Effect.fnUntraced(function* (client: NatsConnection) {
    const subjects = `${topic}.>`
    const found = yield* ask(client, "$JS.API.STREAM.NAMES", JSON.stringify({ subject: subjects }), { timeout })
    if (found.error !== undefined) return yield* unavailable(found.error.description)
    const takers = found.streams ?? []
    for (const taker of takers) {
      const { config } = yield* ask(client, `$JS.API.STREAM.INFO.${taker}`, "", { timeout })
      // What is sent there would be taken for a part of the log, and damage it.
      if (config?.metadata?.[logNote] === undefined) continue
      return yield* unavailable(`the stream ${taker} is itself a log of Daybook: send to another topic than ${topic}`)
    }
    if (takers.length > 0) return
    const wanted = {
      name: stream,
      subjects: [subjects],
      storage: "file",
      retention: "limits",
      num_replicas: replicas,
      duplicate_window: duplicateWindow * 1_000_000_000
    }
    const made = yield* ask(client, `$JS.API.STREAM.CREATE.${stream}`, JSON.stringify(wanted), { timeout })
    if (made.error !== undefined) return yield* unavailable(`the stream ${stream}: ${made.error.description}`)
  })

  const open = ({ generation }: Sender) =>
    Effect.gen(function* () {
      const { client, headers } = yield* connected
      yield* ensureStream(client)
      const most = client.info?.max_payload ?? Number.MAX_SAFE_INTEGER

      const publish = ({ body, id, streamId, traceparent }: CloudEvent.Message): Effect.Effect<void, OutletError> =>
        Effect.gen(function* () {
          const size = Buffer.byteLength(body)
          // The server counts the head too, which is short.
          if (size + 1_024 > most) {
            const reason = `${streamId} has an event of ${size} bytes, and the server takes ${most} with the headers`
            return yield* new MessageRefused({ outlet: name, reason })
          }
          const subject = subjectOf(topic, streamId)
          if (subject.length > maxSubject) {
            const reason = `the subject of ${streamId} has ${subject.length} bytes, and the most is ${maxSubject}`
            return yield* new MessageRefused({ outlet: name, reason })
          }
          const head = headers()
          // What was rewound is to arrive again, also within the window of duplicates.
          head.set("Nats-Msg-Id", generation === 1 ? id : `${id}-${generation}`)
          head.set("Content-Type", CloudEvent.contentType)
          if (traceparent !== null) head.set("traceparent", traceparent)
          const { error } = yield* ask(client, subject, body, { timeout, headers: head })
          if (error === undefined) return
          if (error.err_code === tooLarge) {
            return yield* new MessageRefused({
              outlet: name,
              reason: `${streamId} has an event that is too large: ${error.description}`
            })
          }
          return yield* unavailable(error.description)
        })

      return {
        committed: undefined,
        send: (messages: ReadonlyArray<CloudEvent.Message>) => {
          const byStream = new Map<string, Array<CloudEvent.Message>>()
          for (const message of messages) {
            const own = byStream.get(message.streamId)
            if (own === undefined) byStream.set(message.streamId, [message])
            else own.push(message)
          }
          return Effect.forEach(byStream.values(), (own) => Effect.forEach(own, publish, { discard: true }), {
            discard: true,
            concurrency: maxInFlight
          })
        }
      }
    })

  return { name, open }
}

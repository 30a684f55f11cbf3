/**
 * `JetStream` is what Daybook asks of a JetStream stream, in the protocol's own requests: its settings, an append of
 * several messages at once that is fenced by the last sequence, a page of messages, and the removal of one.
 *
 * Source: the NATS documents ADR-50 (atomic batches), ADR-31 (direct get) and the JetStream API.
 */
import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import * as NatsConnection from "./NatsConnection.ts"
import { NatsFault } from "./NatsFault.ts"

/** The settings of a stream that are set or asserted. */
export interface Config {
  readonly name: string
  readonly subjects: ReadonlyArray<string>
  readonly storage: string
  readonly retention: string
  readonly num_replicas: number
  readonly max_msgs: number
  readonly max_bytes: number
  readonly max_age: number
  readonly max_msgs_per_subject: number
  readonly max_msg_size: number
  readonly discard: string
  readonly deny_purge: boolean
  readonly allow_direct: boolean
  /** Left out by a server that does not know it, which then ignores what it means. */
  readonly allow_atomic?: boolean
  readonly allow_rollup_hdrs?: boolean
  readonly allow_msg_ttl?: boolean
  readonly persist_mode?: string
  readonly sealed?: boolean
  readonly mirror?: object
  readonly sources?: ReadonlyArray<object>
  readonly subject_transform?: object
  readonly metadata?: Readonly<Record<string, string>>
}

export interface Info {
  readonly config: Config
  readonly lastSequence: number
}

/** A stored message. */
export interface Message {
  readonly sequence: number
  readonly body: Uint8Array
}

interface ApiError {
  readonly code: number
  readonly err_code: number
  readonly description: string
}

/** Error codes of JetStream. */
const errors = { noStream: 10_059, wrongLastSequence: 10_071, noMessage: 10_037 }

const refusedBy = ({ description }: ApiError) => new NatsFault("refused", `the NATS server refuses it: ${description}`)

/** Returns the answer of the API, or its error. */
const ask = (connection: NatsConnection.NatsConnection, subject: string, body?: object) =>
  Effect.flatMap(NatsConnection.request(connection, `$JS.API.${subject}`, body && JSON.stringify(body)), (answer) => {
    if (answer.headers?.code === 503) return Effect.fail(new NatsFault("unreachable", "JetStream does not answer"))
    return Effect.succeed(
      answer.json<{
        readonly error?: ApiError
        readonly config: Config
        readonly state: { readonly last_seq: number }
        readonly message?: { readonly seq: number; readonly subject: string }
      }>()
    )
  })

/** A fault of the server, which may pass, and not of the request. */
const failing = (error: ApiError) =>
  error.code >= 500 ? new NatsFault("unreachable", `JetStream: ${error.description}`) : refusedBy(error)

/** From the leader of the stream: undefined where there is none. */
export const info = (connection: NatsConnection.NatsConnection, stream: string) =>
  Effect.flatMap(ask(connection, `STREAM.INFO.${stream}`), ({ config, error, state }) =>
    error === undefined
      ? Effect.succeed<Info | undefined>({ config, lastSequence: state.last_seq })
      : error.err_code === errors.noStream
        ? Effect.succeed(undefined)
        : Effect.fail(failing(error))
  )

/** Makes the stream, or changes its settings. One that exists with other settings is not made. */
export const configure = (
  connection: NatsConnection.NatsConnection,
  what: "CREATE" | "UPDATE",
  config: Partial<Config> & { readonly name: string }
) =>
  Effect.flatMap(ask(connection, `STREAM.${what}.${config.name}`, config), ({ error }) =>
    error === undefined ? Effect.void : Effect.fail(failing(error))
  )

/** A message to append. */
export interface NewMessage {
  readonly subject: string
  readonly body: Uint8Array
}

/**
 * Appends the messages behind the last sequence, all or none. The fence is the server's: where the stream has gone on,
 * nothing is written. A single message is not a batch, which costs the server a tenth.
 */
export const append = (
  connection: NatsConnection.NatsConnection,
  lastSequence: number,
  messages: ReadonlyArray<NewMessage>
): Effect.Effect<void, NatsFault> =>
  Effect.suspend(() => {
    const last = messages.at(-1)
    if (last === undefined) return Effect.void
    const { client, isConnected } = connection
    if (!isConnected()) return Effect.fail(new NatsFault("unreachable", "no NATS server is connected"))
    const expected = { "Nats-Expected-Last-Sequence": String(lastSequence) }
    const batch = randomUUID()
    const count = messages.length
    const of = (index: number): NatsConnection.HeaderValues => ({
      ...(count > 1 && { "Nats-Batch-Id": batch, "Nats-Batch-Sequence": String(index + 1) }),
      ...(count > 1 && index === count - 1 && { "Nats-Batch-Commit": "1" }),
      ...(index === 0 && expected)
    })
    for (let index = 0; index < count - 1; index++) {
      const { body, subject } = messages[index] as NewMessage
      client.publish(subject, body, { headers: of(index) })
    }
    return NatsConnection.ask(connection, last.subject, last.body, of(count - 1)).pipe(
      Effect.mapError((cause) =>
        isNoResponders(cause)
          ? new NatsFault("unreachable", "no server of the stream answers", cause)
          : new NatsFault("ackLost", "the NATS server did not confirm the append", cause)
      ),
      Effect.flatMap((answer) => acknowledged(answer, lastSequence + count))
    )
  })

/** Nobody listened: the message reached no stream. */
const isNoResponders = (cause: unknown): boolean => cause instanceof Error && /no responders/i.test(String(cause))

interface Acknowledgement {
  readonly error?: ApiError
  readonly seq?: number
}

/** Another program that listens to the subject may answer too. What it says shows nothing about what is stored. */
const acknowledged = (answer: NatsConnection.Message, expected: number): Effect.Effect<void, NatsFault> => {
  let said: Acknowledgement
  try {
    said = answer.json<Acknowledgement>()
  } catch (cause) {
    return Effect.fail(new NatsFault("ackLost", "the confirmation of the append cannot be understood", cause))
  }
  const { error, seq } = said
  if (error === undefined) {
    return seq === expected
      ? Effect.void
      : Effect.fail(new NatsFault("ackLost", `the append is confirmed at ${seq}, and belongs at ${expected}`))
  }
  if (error.err_code === errors.wrongLastSequence) return Effect.fail(new NatsFault("overtaken", error.description))
  // What the server could not do may have been done by then.
  return Effect.fail(error.code >= 500 ? new NatsFault("ackLost", `JetStream: ${error.description}`) : refusedBy(error))
}

/** Most messages and bytes in one page. */
export const page = { messages: 1_000, bytes: 8 * 1_048_576 }

/** How long a page may stand still before the server is taken for gone, in milliseconds. */
const pageTimeoutMs = NatsConnection.requestTimeoutMs

/** The next messages from this sequence on, as far as the server that answers has them. */
export const read = (
  { client, isConnected, onLost }: NatsConnection.NatsConnection,
  stream: string,
  from: number,
  most: number = page.messages
): Effect.Effect<ReadonlyArray<Message>, NatsFault> =>
  Effect.suspend(() => {
    if (!isConnected()) return Effect.fail(new NatsFault("unreachable", "no NATS server is connected"))
    return Effect.async<ReadonlyArray<Message>, NatsFault>((resume) => {
      const messages: Array<Message> = []
      const subject = `_INBOX.daybook.${randomUUID()}`
      const subscription = client.subscribe(subject, (error, message) => {
        if (error !== null) return end(Effect.fail(new NatsFault("unreachable", "a page could not be read", error)))
        timer.refresh()
        const { headers } = message
        const code = headers?.code ?? 0
        // 204 ends a page; 404 says that there is none.
        if (code === 204 || code === 404) return end(Effect.succeed(messages))
        if (code !== 0) return end(Effect.fail(new NatsFault("unreachable", `JetStream: ${headers?.description}`)))
        messages.push({ sequence: Number(headers?.get("Nats-Sequence")), body: message.data })
      })
      const timer = setTimeout(
        () => end(Effect.fail(new NatsFault("unreachable", "the NATS server does not answer"))),
        pageTimeoutMs
      )
      const forget = onLost(() => end(Effect.fail(new NatsFault("unreachable", "the connection was lost"))))
      const close = () => {
        forget()
        clearTimeout(timer)
        subscription.unsubscribe()
      }
      const end = (result: Effect.Effect<ReadonlyArray<Message>, NatsFault>) => {
        close()
        resume(result)
      }
      const body = JSON.stringify({ seq: from, batch: most, max_bytes: page.bytes })
      client.publish(`$JS.API.DIRECT.GET.${stream}`, body, { reply: subject })
      return Effect.sync(close)
    })
  })

/** How often, and after how many milliseconds, a server is asked again that does not have yet what the leader has. */
const waits = { times: 100, millis: 50 }

/** As `read`, for what must be there: a server that is behind the others is asked again for some seconds. */
export const readThere = Effect.fnUntraced(function* (
  connection: NatsConnection.NatsConnection,
  stream: string,
  from: number,
  most?: number
): Effect.fn.Return<ReadonlyArray<Message>, NatsFault> {
  for (let asked = 0; ; asked++) {
    const messages = yield* read(connection, stream, from, most)
    if (messages.length > 0 || asked === waits.times) return messages
    yield* Effect.sleep(waits.millis)
  }
})

/** The subject of the first message that has one of these; undefined where there is none. */
export const firstSubject = (connection: NatsConnection.NatsConnection, stream: string, subjects: string) =>
  Effect.flatMap(
    ask(connection, `STREAM.MSG.GET.${stream}`, { seq: 1, next_by_subj: subjects }),
    ({ error, message }) =>
      error === undefined || error.err_code === errors.noMessage
        ? Effect.succeed(message?.subject)
        : Effect.fail(failing(error))
  )

/** Removes the last message with this subject, and overwrites it; does nothing where there is none. */
export const remove = Effect.fnUntraced(function* (
  connection: NatsConnection.NatsConnection,
  stream: string,
  subject: string
) {
  const found = yield* ask(connection, `STREAM.MSG.GET.${stream}`, { last_by_subj: subject })
  if (found.error?.err_code === errors.noMessage) return
  if (found.error !== undefined) return yield* Effect.fail(failing(found.error))
  const { error } = yield* ask(connection, `STREAM.MSG.DELETE.${stream}`, { seq: found.message?.seq })
  if (error !== undefined) return yield* Effect.fail(failing(error))
})

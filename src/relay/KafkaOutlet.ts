/**
 * `KafkaOutlet` sends to a Kafka topic: exactly once, for consumers with `isolation.level=read_committed`. Each batch
 * and the record that says how far the relay is are one transaction, under a `transactional.id` of the log and the
 * relay. So a relay that begins reads what is committed and goes on there, and the broker fences out a relay that was
 * replaced.
 *
 * The key of a record is the stream, and Kafka's own partitioner (murmur2) finds its partition: events of one stream
 * stay in their order for as long as the topic keeps its number of partitions.
 */
import { Effect } from "effect"
import type { Kafka, KafkaConfig, Producer, Message as Record } from "kafkajs"
import * as MissingPackage from "../core/MissingPackage.ts"
import * as CloudEvent from "./CloudEvent.ts"
import * as KafkaCheckpoint from "./KafkaCheckpoint.ts"
import {
  MessageRefused,
  type Outlet,
  type OutletError,
  OutletUnavailable,
  type Progress,
  RelayFenced,
  type Sender
} from "./Outlet.ts"

export interface Options {
  /** `HOST:PORT` of some brokers. */
  readonly brokers: ReadonlyArray<string>
  /** Default: `daybook`. Made where it is not there. */
  readonly topic?: string
  /**
   * Partitions of a topic that is made. Default: what the broker says. More of them later would take streams to other
   * ones.
   */
  readonly partitions?: number
  /** Where relays keep how far they are, compacted. Made where it is not there. Default: `daybook-relays`. */
  readonly checkpoints?: string
  readonly user?: string
  readonly password?: string
  /** Default: `scram-sha-256`, with a user. */
  readonly mechanism?: "plain" | "scram-sha-256" | "scram-sha-512"
  readonly tls?: boolean
}

/** Milliseconds: for a connection, for an answer, and for a transaction, after which the broker aborts it. */
const connectionTimeout = 5_000
const requestTimeout = 10_000
const transactionTimeout = 30_000

/** How the client is set up: what it does not get over in some seconds ends the session. */
const retry = { retries: 6, initialRetryTime: 50, maxRetryTime: 1_000 }

/** For a session to end in order. */
const closeTimeout = "3 seconds"

interface KafkaFault {
  readonly type?: string
  readonly code?: number
}

/** Codes that the client has no name for are reported by their number. */
const fenced = new Set<string | number>(["INVALID_PRODUCER_EPOCH", 90])
const tooLarge = new Set<string | number>(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"])

const isOne = (codes: ReadonlySet<string | number>, error: unknown): boolean => {
  const { code = 0, type = "" } = (error ?? {}) as KafkaFault
  if (codes.has(type) || codes.has(code)) return true
  return error instanceof Error && error.cause !== undefined && isOne(codes, error.cause)
}

/** Sends to a topic of Kafka, each event once. Nothing is connected before a relay runs. */
export const make = (options: Options): Outlet => {
  const {
    brokers,
    checkpoints = "daybook-relays",
    mechanism = "scram-sha-256",
    partitions,
    password = "",
    user
  } = options
  const { tls = false, topic = "daybook" } = options
  const name = `kafka://${brokers.join(",")}/${topic}`

  const faultOf = (sender: Sender, error: unknown): OutletError => {
    if (isOne(fenced, error)) return new RelayFenced({ outlet: name, relay: sender.relay })
    if (isOne(tooLarge, error)) return new MessageRefused({ outlet: name, reason: (error as Error).message })
    const missing = MissingPackage.describe(error, "a relay to Kafka")
    const reason = missing ?? (error instanceof Error ? error.message : "it failed")
    return new OutletUnavailable({ outlet: name, reason, cause: error })
  }

  const connect = async (): Promise<Kafka> => {
    const { default: kafkajs } = await import("kafkajs")
    const sasl =
      user === undefined ? {} : { sasl: { mechanism, username: user, password } as NonNullable<KafkaConfig["sasl"]> }
    return new kafkajs.Kafka({
      clientId: "daybook-relay",
      brokers: [...brokers],
      ssl: tls,
      connectionTimeout,
      requestTimeout,
      retry,
      // What fails is in the errors.
      logLevel: kafkajs.logLevel.NOTHING,
      ...sasl
    })
  }

  /** Makes the topics that are not there. */
  const ensureTopics = async (kafka: Kafka): Promise<void> => {
    const admin = kafka.admin()
    await admin.connect()
    try {
      const known = new Set(await admin.listTopics())
      const topics = [
        { topic, ...(partitions !== undefined && { numPartitions: partitions }) },
        { topic: checkpoints, numPartitions: 1, configEntries: [...KafkaCheckpoint.topicSettings] }
      ]
      const missing = topics.filter((each) => !known.has(each.topic))
      if (missing.length > 0) await admin.createTopics({ topics: missing, waitForLeaders: true })
    } finally {
      await admin.disconnect()
    }
  }

  const open = (sender: Sender) =>
    Effect.gen(function* () {
      const attempt = <A>(work: () => Promise<A>): Effect.Effect<A, OutletError> =>
        Effect.tryPromise({ try: work, catch: (error) => faultOf(sender, error) })
      const kafka = yield* attempt(connect)
      yield* attempt(() => ensureTopics(kafka))
      const { default: kafkajs } = yield* attempt(() => import("kafkajs"))
      const id = KafkaCheckpoint.idOf(sender)
      const producer: Producer = yield* Effect.acquireRelease(
        attempt(async () => {
          const made = kafka.producer({
            transactionalId: id,
            idempotent: true,
            maxInFlightRequests: 1,
            transactionTimeout,
            createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
            // A batch that fails is aborted as a whole with its transaction: no limit of retries can leave out or
            // repeat a part of it.
            retry
          })
          await made.connect()
          return made
        }),
        (made) =>
          Effect.ignore(
            Effect.timeout(
              Effect.tryPromise(() => made.disconnect()),
              closeTimeout
            )
          )
      )

      const commit = async (records: ReadonlyArray<Record>, own: ReadonlyArray<Record>): Promise<void> => {
        const transaction = await producer.transaction()
        const topicMessages = [
          { topic, messages: [...records] },
          { topic: checkpoints, messages: [...own] }
        ].filter(({ messages }) => messages.length > 0)
        await transaction.sendBatch({ acks: -1, topicMessages })
        await transaction.commit()
      }

      // The first transaction fences out the writer before, and ends what that one had begun; its record marks the end
      // of what is committed.
      const mark = KafkaCheckpoint.mark(id)
      yield* attempt(() => commit([], [mark.record]))
      const committed = yield* attempt(() => KafkaCheckpoint.read(kafka, checkpoints, id, mark.value))

      return {
        committed,
        send: (messages: ReadonlyArray<CloudEvent.Message>, progress: Progress) =>
          attempt(() => commit(messages.map(recordOf), KafkaCheckpoint.recordsOf(id, sender, progress)))
      }
    })

  return { name, open }
}

const recordOf = ({ body, streamId, traceparent }: CloudEvent.Message): Record => ({
  key: streamId,
  value: body,
  headers: { "content-type": CloudEvent.contentType, ...(traceparent !== null && { traceparent }) }
})

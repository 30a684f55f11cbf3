/**
 * `KafkaCheckpoint` is how far a relay is, as it stands in a compacted topic: one record for its position, and one for
 * each stream that waits for an operator. They are written in the transactions of the events, and read when a session
 * begins.
 */
import { randomUUID } from "node:crypto"
import { Schema } from "effect"
import type { Kafka, Message as Record } from "kafkajs"
import type { Committed, Progress, Sender } from "./Outlet.ts"

/** How the topic is made: the newest record of each key is kept, and what is read at a start stays small. */
export const topicSettings = [
  { name: "cleanup.policy", value: "compact" },
  { name: "segment.bytes", value: String(8 * 1_048_576) },
  { name: "min.cleanable.dirty.ratio", value: "0.1" }
] as const

/** For all of it to be read. */
const readTimeout = 30_000

/** The `transactional.id` of the relay, with which the keys of its records begin. */
export const idOf = ({ logId, relay }: Sender): string => `daybook-${logId}-${relay}`

const Position = Schema.parseJson(Schema.Struct({ position: Schema.Int, hash: Schema.NullOr(Schema.String) }))
const Waiting = Schema.parseJson(Schema.Struct({ version: Schema.Int }))
const readPosition = Schema.decodeUnknownSync(Position)
const readWaiting = Schema.decodeUnknownSync(Waiting)

/**
 * The partition that has all of them, however many the topic was made with: records are read up to the mark, which is
 * in one partition.
 */
const partition = 0

const markKey = (id: string): string => `${id}#mark`
const waitingKey = (id: string, streamId: string): string => `${id}/${streamId}`

/** A record that only the end of the topic has: who reads it has read all that is committed before. */
export const mark = (id: string): { readonly value: string; readonly record: Record } => {
  const value = randomUUID()
  return { value, record: { partition, key: markKey(id), value } }
}

export const recordsOf = (
  id: string,
  { epoch }: Sender,
  { hash, parked, position }: Progress
): ReadonlyArray<Record> => [
  { partition, key: id, value: JSON.stringify({ position, hash, epoch }) },
  ...[...parked].map(([streamId, version]) => ({
    partition,
    key: waitingKey(id, streamId),
    value: version === null ? null : JSON.stringify({ version })
  }))
]

/**
 * What is committed of this relay before its mark; null where nothing is. The group of consumers is for this reading
 * alone.
 */
export const read = async (kafka: Kafka, topic: string, id: string, mark: string): Promise<Committed | null> => {
  let position: typeof Position.Type | undefined
  const parked = new Map<string, number>()
  const groupId = `${id}-${randomUUID()}`
  const consumer = kafka.consumer({ groupId, readUncommitted: false, maxWaitTimeInMs: 100 })
  await consumer.connect()
  let timer: NodeJS.Timeout | undefined
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`the end of ${topic} was not reached in time`)), readTimeout)
      consumer.on("consumer.crash", ({ payload }) => {
        if (!payload.restart) reject(payload.error)
      })
      const take = (key: string, value: string | undefined) => {
        if (key === id && value !== undefined) position = readPosition(value)
        if (!key.startsWith(waitingKey(id, ""))) return
        const streamId = key.slice(waitingKey(id, "").length)
        if (value === undefined) parked.delete(streamId)
        else parked.set(streamId, readWaiting(value).version)
      }
      const eachBatch = async ({
        batch
      }: {
        readonly batch: { readonly messages: ReadonlyArray<Pick<Record, "key" | "value">> }
      }) => {
        for (const { key, value } of batch.messages) {
          const text = value?.toString()
          take(key?.toString() ?? "", text)
          if (text === mark) resolve()
        }
      }
      consumer.run({ autoCommit: false, eachBatch }).catch(reject)
    })
  } finally {
    clearTimeout(timer)
    await consumer.disconnect()
  }
  const admin = kafka.admin()
  await admin.connect()
  try {
    await admin.deleteGroups([groupId])
  } catch {
    // A group without members is removed by the broker in its own time.
  } finally {
    await admin.disconnect()
  }
  return position === undefined ? null : { position: position.position, hash: position.hash, parked }
}

/** All that is committed in a topic, as a consumer sees it that reads what is committed alone. */
import { randomUUID } from "node:crypto"
import kafkajs from "kafkajs"
import type { Arrived } from "./Relays.ts"

const { Kafka, logLevel } = kafkajs

/** Reads until it meets, in each partition, a record that it wrote behind all others. */
export const read = async (broker: string, topic: string): Promise<ReadonlyArray<Arrived>> => {
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  const producer = kafka.producer()
  const consumer = kafka.consumer({ groupId: randomUUID(), readUncommitted: false, maxWaitTimeInMs: 100 })
  await Promise.all([admin.connect(), producer.connect(), consumer.connect()])
  const open = new Set((await admin.fetchTopicOffsets(topic)).map(({ partition }) => partition))
  const end = randomUUID()
  await producer.send({ topic, messages: [...open].map((partition) => ({ partition, key: "", value: end })) })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const arrived: Array<Arrived> = []
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachBatch: async ({ batch }) => {
        for (const { key, value } of batch.messages) {
          const text = value?.toString() ?? ""
          // An earlier reading ended with another one.
          if (key?.toString() !== "") arrived.push(JSON.parse(text))
          else if (text === end) open.delete(batch.partition)
        }
        if (open.size === 0) resolve()
      }
    })
  })
  await Promise.all([admin.disconnect(), producer.disconnect(), consumer.disconnect()])
  return arrived
}

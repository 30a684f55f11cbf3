/** All that a JetStream stream holds, in its order. */
import { connect } from "@nats-io/transport-node"
import { Effect } from "effect"
import type * as Relays from "./Relays.ts"

export const read = (url: string, stream: string) =>
  Effect.promise(async () => {
    const client = await connect({ servers: url })
    const arrived: Array<Relays.Arrived> = []
    const ask = async (subject: string, body: object = {}) =>
      JSON.parse((await client.request(subject, JSON.stringify(body))).string())
    const { state } = await ask(`$JS.API.STREAM.INFO.${stream}`)
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const { message } = await ask(`$JS.API.STREAM.MSG.GET.${stream}`, { seq })
      arrived.push(JSON.parse(Buffer.from(message.data, "base64").toString()))
    }
    await client.close()
    return arrived
  })

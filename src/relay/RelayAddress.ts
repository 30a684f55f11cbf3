/**
 * `RelayAddress` is where a relay sends, as one text:
 * `nats://[USER:PASSWORD@]HOST:PORT[,HOST:PORT…]/TOPIC?stream=&replicas=`, with `tls://` for an encrypted connection,
 * or `kafka://[USER:PASSWORD@]HOST:PORT[,HOST:PORT…]/TOPIC?partitions=&checkpoints=&sasl=&tls=true`.
 */
import * as KafkaOutlet from "./KafkaOutlet.ts"
import * as NatsOutlet from "./NatsOutlet.ts"
import type { Outlet } from "./Outlet.ts"

const pattern = /^(nats|tls|kafka):\/\/(?:([^@/?]*)@)?([^@/?]+)(?:\/([\w.-]{1,200}))?\/?(?:\?(.*))?$/
const settings = {
  nats: new Set(["stream", "replicas"]),
  kafka: new Set(["partitions", "checkpoints", "sasl", "tls"])
}
const mechanisms = ["plain", "scram-sha-256", "scram-sha-512"] as const

const isCount = (text: string | null): boolean => text === null || /^[1-9]\d{0,3}$/.test(text)

const isEncoded = (credentials = ""): boolean => !/%(?![\da-f]{2})/i.test(credentials)

/** The outlet, or why the text is not an address, which does not repeat it. */
export const parse = (text: string): Outlet | string => {
  const found = pattern.exec(text)
  if (found === null) return "it is not nats://HOST:PORT/TOPIC or kafka://HOST:PORT/TOPIC"
  const [, scheme = "", credentials, hosts = "", topic, query = ""] = found
  const kind = scheme === "kafka" ? "kafka" : "nats"
  const given = new URLSearchParams(query)
  for (const key of given.keys()) {
    if (!settings[kind].has(key)) return `its settings are ${[...settings[kind]].join(", ")}`
  }
  const port = kind === "kafka" ? 9_092 : 4_222
  const servers = hosts.split(",").map((host) => (/:\d+$/.test(host) ? host : `${host}:${port}`))
  if (!isEncoded(credentials)) return "a % in its user or password is written %25"
  const [user, ...rest] = (credentials ?? "").split(":").map(decodeURIComponent)
  const common = {
    ...(topic !== undefined && { topic }),
    ...(credentials !== undefined && user !== undefined && { user, password: rest.join(":") })
  }
  if (kind === "nats") {
    const replicas = given.get("replicas")
    const stream = given.get("stream")
    if (!isCount(replicas)) return "replicas is a number from 1"
    return NatsOutlet.make({
      servers,
      tls: scheme === "tls",
      ...common,
      ...(stream !== null && { stream }),
      ...(replicas !== null && { replicas: Number(replicas) })
    })
  }
  const partitions = given.get("partitions")
  const checkpoints = given.get("checkpoints")
  const mechanism = mechanisms.find((each) => each === given.get("sasl"))
  if (!isCount(partitions)) return "partitions is a number from 1"
  if (given.has("sasl") && mechanism === undefined) return `sasl is ${mechanisms.join(", ")}`
  return KafkaOutlet.make({
    brokers: servers,
    tls: given.get("tls") === "true",
    ...common,
    ...(partitions !== null && { partitions: Number(partitions) }),
    ...(checkpoints !== null && { checkpoints }),
    ...(mechanism !== undefined && { mechanism })
  })
}

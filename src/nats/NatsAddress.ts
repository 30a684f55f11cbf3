/**
 * `NatsAddress` is where a log on JetStream is: `nats://[USER:PASSWORD@|TOKEN@]HOST:PORT[,HOST:PORT…]/STREAM`, with
 * settings behind a question mark. `tls://` asks for an encrypted connection.
 */

export interface NatsAddress {
  /** `HOST:PORT` of each server. */
  readonly servers: ReadonlyArray<string>
  readonly tls: boolean
  readonly user: string | undefined
  readonly password: string | undefined
  readonly token: string | undefined
  /** Name of the JetStream stream. */
  readonly stream: string
  /** The SQLite file that follows the log, or `:memory:`. Setting `local`. Default `STREAM.nats.db`. */
  readonly local: string
  /** Where each server is monitored, to see whether it syncs. Setting `monitor`. Default: port 8222 of each host. */
  readonly monitors: ReadonlyArray<string>
  /** Copies of a stream that is made now. Setting `replicas`. Default 1; one that exists keeps its own. */
  readonly replicas: number
  /** For messages: without a password. */
  readonly name: string
}

const pattern = /^(nats|tls):\/\/(?:([^@/?]*)@)?([^@/?]+)(?:\/([\w-]{1,64}))?\/?(?:\?(.*))?$/
const settings = new Set(["local", "monitor", "replicas"])

/** Whether the address is one of a NATS server. */
export const isNats = (address: string): boolean => /^(?:nats|tls):\/\/./.test(address)

/** A monitor is named in messages, and asks for no password. */
const isMonitor = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const { password, protocol, username } = new URL(text)
  return /^https?:$/.test(protocol) && username === "" && password === ""
}

/** What the text says, or why it is not an address; the reason does not repeat it. */
export const parse = (text: string): NatsAddress | string => {
  const found = pattern.exec(text)
  if (found === null) return "it is not nats://HOST:PORT/STREAM"
  const [, scheme, credentials, hosts = "", stream = "daybook", query = ""] = found
  if (credentials !== undefined && /%(?![\da-f]{2})/i.test(credentials)) {
    return "a % in its user, password or token is written %25"
  }
  const given = new URLSearchParams(query)
  const unknown = [...given.keys()].find((key) => !settings.has(key))
  if (unknown !== undefined) return "it has a setting other than local, monitor and replicas"
  const servers = hosts.split(",").map((host) => (/:\d+$/.test(host) ? host : `${host}:4222`))
  const monitors =
    given.get("monitor")?.split(",") ?? servers.map((server) => `http://${server.replace(/:\d+$/, "")}:8222`)
  if (!monitors.every(isMonitor)) return "monitor is http://HOST:8222, several with commas between, without a password"
  const replicas = Number(given.get("replicas") ?? 1)
  if (![1, 3, 5].includes(replicas)) return "replicas is 1, 3 or 5"
  const colon = credentials?.indexOf(":") ?? -1
  const decoded = (part: string | undefined) => (part === undefined ? undefined : decodeURIComponent(part))
  return {
    servers,
    tls: scheme === "tls",
    user: colon < 0 ? undefined : decoded(credentials?.slice(0, colon)),
    password: colon < 0 ? undefined : decoded(credentials?.slice(colon + 1)),
    token: colon < 0 ? decoded(credentials) : undefined,
    stream,
    local: given.get("local") ?? `${stream}.nats.db`,
    monitors,
    replicas,
    name: `${scheme}://${servers.join(",")}/${stream}`
  }
}

/**
 * `PostgresAddress` is where a PostgreSQL database is, and what its connections need to come there: an address that was
 * given, or what a client says that the application has. Connections are Daybook's own in both cases; see
 * `PostgresDatabase.ts`.
 */
import { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { ConnectionOptions } from "node:tls"
import type { SqlClient } from "@effect/sql/SqlClient"
import { Predicate, Redacted } from "effect"

export interface PostgresAddress {
  readonly url: string
  /** Without it, what the address says. */
  readonly ssl?: boolean | ConnectionOptions
  /** What a connection is made over. */
  readonly stream: () => Duplex
}

/** What a `PgClient` says about its connections. Its own type belongs to a package that not everybody has installed. */
interface ClientConfig {
  readonly url?: Redacted.Redacted | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly database?: string | undefined
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted | undefined
  readonly ssl?: boolean | ConnectionOptions | undefined
  readonly stream?: (() => Duplex) | undefined
}

const isPostgres = (client: SqlClient): client is SqlClient & { readonly config: ClientConfig } =>
  Predicate.hasProperty(client, "~@effect/sql-pg/PgClient") && Predicate.hasProperty(client, "config")

export const ofUrl = (url: string): PostgresAddress => ({ url, stream: () => new Socket() })

/** Where the application's client leads; undefined where it is not one of PostgreSQL. */
export const ofClient = (client: SqlClient): PostgresAddress | undefined => {
  if (!isPostgres(client)) return undefined
  const { database = "", host, password, port, ssl, stream = () => new Socket(), url, username } = client.config
  const parameters = { host, port, user: username, password: password && Redacted.value(password) }
  // A host may be the folder of a socket, which has no place before a path.
  const address = new URL(`postgres:///${encodeURIComponent(database)}`)
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) address.searchParams.set(name, String(value))
  }
  return { url: url === undefined ? address.href : Redacted.value(url), stream, ...(ssl !== undefined && { ssl }) }
}

/** The address without its password. */
export const nameOf = ({ url }: PostgresAddress): string => {
  try {
    const { host, pathname, searchParams } = new URL(url)
    return `postgres://${host || (searchParams.get("host") ?? "")}${pathname}`
  } catch {
    return "the address of the PostgreSQL database"
  }
}

/**
 * The same address for a connection that only reads, with how long a statement of it may take, where it says nothing of
 * that.
 */
export const toRead = (address: PostgresAddress, statementTimeoutMs: number): PostgresAddress => {
  const url = new URL(address.url)
  const options = url.searchParams.get("options") ?? ""
  url.searchParams.set("options", `${options} -c default_transaction_read_only=on`.trim())
  if (!url.searchParams.has("statement_timeout")) url.searchParams.set("statement_timeout", String(statementTimeoutMs))
  return { ...address, url: url.href }
}

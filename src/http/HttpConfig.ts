/** `HttpConfig` holds every limit of the HTTP server in one place, with its unit and what happens at the limit. */
import { Context, Duration, Layer } from "effect"
import * as Limits from "../core/Limits.ts"

export interface HttpLimits {
  /** Time for the header of a request to arrive; then 408 and the connection ends. */
  readonly headerTimeout: Duration.Duration
  /** Time for a whole request to arrive, body included; then 408 and the connection ends. */
  readonly requestTimeout: Duration.Duration
  /**
   * Time in which a connection moves no byte in either direction, such as that of a client which reads nothing; it is
   * ended. Not while a request is at work that has arrived: that has limits of its own.
   */
  readonly idleTimeout: Duration.Duration
  /** Time for which a connection is kept for the next request. */
  readonly keepAlive: Duration.Duration
  /** Connections at once; a further one is closed. */
  readonly maxConnections: number
  /**
   * Requests that are at work or wait behind another one of their connection, over all connections; a connection that
   * sends a further one behind its own is ended. Each costs some kilobytes.
   */
  readonly maxOpenRequests: number
  /**
   * Bytes of answers that their clients do not read; beyond that the connection ends that has left its answer for
   * longest.
   */
  readonly maxUnreadBytes: number
  /**
   * Requests a second that one token may make, in bursts of as many; a further one gets 429. Health and the documents
   * need no token and are not counted. `unlimited`: as many as it likes.
   */
  readonly maxRate: number
  /**
   * Requests that wait for something to happen, at once: for their `minPosition`, for a place to read the past, for the
   * end of a process. A further one gets 503, or, for the end of a process that it began, its answer without it.
   */
  readonly maxWaits: number
  /** How many of them one token may have; a further one gets 429. */
  readonly maxWaitsPerToken: number
  /** Clients that follow the feed at once; a further one gets 503. */
  readonly maxSubscribers: number
  /** How many of them one token may have; a further one gets 429. */
  readonly maxSubscribersPerToken: number
  /** How long a browser that signed in with a token stays so; then it signs in again. */
  readonly signInLife: Duration.Duration
  /** Tokens that one address may try in vain within `signInWindow`; a further one gets 429. */
  readonly maxSignInFailures: number
  /** From the first of them on. */
  readonly signInWindow: Duration.Duration
  /**
   * Between two comment lines to a client of the feed. Shorter than `idleTimeout`, which a quiet feed would run into.
   */
  readonly heartbeat: Duration.Duration
  /** Longest wait of a query for its `minPosition`; then 503. */
  readonly viewTimeout: Duration.Duration
  /** Questions for past versions at once, which read up to a whole stream each; further ones wait. */
  readonly maxTimeTravels: number
  /**
   * Events after a refusal on which a service decides it again, to say after which it would have passed. `daybook
   * explain --command` goes further: it holds up no request.
   */
  readonly maxRedecisions: number
  /** A command that took longer to answer is reported in the log, with its route. */
  readonly slowCommand: Duration.Duration
  /** Longest wait for accepted requests when the server stops; then their connections end. */
  readonly stopTimeout: Duration.Duration
}

/** No limit. */
export const unlimited = Number.MAX_SAFE_INTEGER

export const defaults: HttpLimits = {
  headerTimeout: Duration.seconds(10),
  requestTimeout: Duration.seconds(20),
  idleTimeout: Duration.seconds(60),
  keepAlive: Duration.seconds(10),
  maxConnections: 4_096,
  maxOpenRequests: 8_192,
  maxUnreadBytes: 64 * 1_048_576,
  maxRate: unlimited,
  maxWaits: 512,
  maxWaitsPerToken: 128,
  maxSubscribers: 256,
  maxSubscribersPerToken: 128,
  signInLife: Duration.hours(8),
  maxSignInFailures: 10,
  signInWindow: Duration.minutes(1),
  heartbeat: Duration.seconds(15),
  viewTimeout: Duration.seconds(2),
  maxTimeTravels: 4,
  maxRedecisions: 10_000,
  slowCommand: Duration.seconds(1),
  stopTimeout: Duration.seconds(7)
}

/** The limits of the server, which `layer` changes. */
export class HttpConfig extends Context.Reference<HttpConfig>()("daybook/http/HttpConfig", {
  defaultValue: () => defaults
}) {}

const { day } = Limits
const ranges: Limits.Ranges<HttpLimits> = {
  headerTimeout: [1, day],
  requestTimeout: [1, day],
  idleTimeout: [1, day],
  keepAlive: [1, day],
  maxConnections: [1, 1_000_000],
  maxOpenRequests: [1, 1_000_000],
  maxUnreadBytes: [0, Number.MAX_SAFE_INTEGER],
  maxRate: [1, unlimited],
  maxWaits: [0, 1_000_000],
  maxWaitsPerToken: [0, 1_000_000],
  maxSubscribers: [0, 1_000_000],
  maxSubscribersPerToken: [0, 1_000_000],
  signInLife: [1_000, 30 * day],
  maxSignInFailures: [1, 1_000_000],
  signInWindow: [1, day],
  heartbeat: [1, day],
  viewTimeout: [0, day],
  maxTimeTravels: [1, 1_000_000],
  maxRedecisions: [1, 1_000_000],
  slowCommand: [0, day],
  stopTimeout: [0, day]
}

/** What belongs together. */
const relations: ReadonlyArray<Limits.Relation<HttpLimits>> = [
  ["headerTimeout", "<=", "requestTimeout", "a request would be over before its header"],
  ["heartbeat", "<", "idleTimeout", "a quiet feed would be ended as idle"],
  ["viewTimeout", "<=", "stopTimeout", "a stop would cut off queries that wait"]
]

/**
 * The defaults with some limits changed. Throws `Limits.InvalidLimit` when one is outside its range, or two contradict.
 */
export const layer = (limits: Partial<HttpLimits>): Layer.Layer<HttpConfig> =>
  Layer.succeed(HttpConfig, Limits.change(defaults, ranges, limits, relations))

/**
 * `RequestRules` are the rules that hold for a request whatever it asks for: fields that come twice, parameters that
 * the route does not take, and ids that no URL can hold. Each is checked against the contract before the request is
 * read.
 */
import type { IncomingMessage } from "node:http"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Either } from "effect"
import type * as Metadata from "../core/Metadata.ts"
import { Problem } from "./Problem.ts"
import type { Route } from "./Routes.ts"

/** Fields that mean one thing. Node drops the second of some, and makes one text of two others. */
const single: ReadonlySet<string> = new Set([
  "host",
  "authorization",
  "content-type",
  "idempotency-key",
  "if-match",
  "last-event-id",
  "daybook-metadata"
])

const invalid = (path: string, reason: string) =>
  new Problem("invalid-request", { detail: `${path} ${reason}`, errors: [{ path, reason }] })

/** What is wrong with the header fields. */
export const ofHeaders = ({ source }: HttpServerRequest.HttpServerRequest): Problem<"invalid-request"> | undefined => {
  // A request that does not come from Node has had its fields joined before.
  const { rawHeaders = [] } = source as Partial<IncomingMessage>
  let seen: Set<string> | undefined
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? ""
    if (!single.has(name)) continue
    if (seen?.has(name)) return invalid(name, "stands twice")
    seen = (seen ?? new Set()).add(name)
  }
  return undefined
}

const ofParameters = (
  query: string,
  { lists, parameters }: Pick<Route, "lists" | "parameters">
): Problem<"invalid-parameter"> | undefined => {
  const seen = new Set<string>()
  for (const [path] of new URLSearchParams(query)) {
    const reason = !parameters.has(path)
      ? "is unknown"
      : seen.has(path) && !lists.has(path)
        ? "stands twice"
        : undefined
    if (reason !== undefined) {
      return new Problem("invalid-parameter", { detail: `${path} ${reason}`, errors: [{ path, reason }] })
    }
    seen.add(path)
  }
  return undefined
}

/** A segment of a path that is a step in it: clients that follow the rules of URLs never send it as it is. */
const step = /\/(?:\.|%2e){1,2}(?=\/|$)/i

/** For a service that notes nothing with its commands, or a request that is none. */
const nothing = Either.right(null)

/** What is to be noted with a command, as the application declares it: JSON in the field `Daybook-Metadata`. */
export const metadataOf = (
  { headers, method }: HttpServerRequest.HttpServerRequest,
  metadata: Metadata.Any | undefined
): Either.Either<string | null, Problem<"invalid-request">> => {
  const given = headers["daybook-metadata"]
  if (given === undefined || method !== "POST") return nothing
  if (metadata === undefined) return Either.left(invalid("daybook-metadata", "is not taken by this service"))
  return Either.mapLeft(Either.flatMap(metadata.read(given), metadata.write), ({ argument, reason }) =>
    invalid(`daybook-${argument}`, reason)
  )
}

/** What of the request its route does not take. */
export const ofRoute = (
  { headers, method, url }: HttpServerRequest.HttpServerRequest,
  route: Route
): Problem | undefined => {
  const query = url.indexOf("?")
  if (step.test(query === -1 ? url : url.slice(0, query))) return invalid("id", "is a step in a path: `.` or `..`")
  if (method === "POST" && !route.takesVersion && headers["if-match"] !== undefined) {
    return new Problem("if-match-not-applicable", {
      errors: [{ path: "if-match", reason: "cannot apply to this request" }]
    })
  }
  return query === -1 ? undefined : ofParameters(url.slice(query + 1), route)
}

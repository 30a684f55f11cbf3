/** `CommandAnswer` is what requests that are commands have in common: how they are sent to an account, and how it answers. */
import { hash } from "node:crypto"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either } from "effect"
import type { Reply } from "../core/Aggregate.ts"
import type { Receipt } from "./AccountsApi.ts"
import { CurrentCommand } from "./Boundary.ts"
import * as Failures from "./Failures.ts"

/**
 * By what releases before rule 2 of `CommandIdentity` knew a request, so that retries of what they stored are recognized: the
 * same whatever the order and the white space of its JSON, and another for any other value, even of an equal amount.
 */
const formerFingerprint = (route: string, body: object): string =>
  hash("sha256", JSON.stringify([route, Object.entries(body).sort(([left], [right]) => (left < right ? -1 : 1))]))

/** The id of an account, transfer or hold that was made without one: a retry finds the same. */
export const derivedId = (what: string, commandId: string): string =>
  hash("sha256", `${what}\0${commandId}`).slice(0, 26)

/** What every command is sent with. */
export const options = Effect.fnUntraced(function* (route: string, body: object, expectedVersion?: number) {
  const { commandId } = yield* CurrentCommand
  return {
    commandId,
    formerFingerprint: formerFingerprint(`POST ${route}`, body),
    ...(expectedVersion !== undefined && { expectedVersion })
  }
})

/** The header fields of every command's answer. */
export const headersOf = ({
  position,
  replayed,
  version
}: {
  position: number
  replayed: boolean
  version: number
}) => ({
  "daybook-position": String(position),
  etag: `"${version}"`,
  ...(replayed && { "idempotency-replayed": "true" })
})

/** A command's answer: the receipt, or the refusal as a problem, which tells its place in the log too. */
export const make = <E extends Failures.Refusal>(
  reply: Reply<Omit<Receipt, "commandId">, E>,
  options: { readonly status: number; readonly headers?: Readonly<Record<string, string>> } = { status: 200 }
): Effect.Effect<HttpServerResponse.HttpServerResponse, Failures.RefusalProblem<E>> => {
  const headers = headersOf(reply)
  if (Either.isLeft(reply.outcome)) return Effect.fail(Failures.ofRefusal(reply.outcome.left, headers))
  const receipt: Receipt = { ...reply.outcome.right, commandId: reply.commandId }
  return Effect.succeed(
    HttpServerResponse.unsafeJson(receipt, { status: options.status, headers: { ...headers, ...options.headers } })
  )
}

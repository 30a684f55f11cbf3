/** `CommandAnswer` is what requests that are commands have in common: how they are sent to an account, and how it answers. */
import { hash } from "node:crypto"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either } from "effect"
import type { Receipt } from "../bank/http/AccountsApi.ts"
import type { Reply } from "../core/Aggregate.ts"
import { CurrentCommand } from "./Boundary.ts"
import * as Failures from "./Failures.ts"
import * as FormerFingerprint from "./FormerFingerprint.ts"

/** The id of an account, transfer or hold that was made without one: a retry finds the same. */
export const derivedId = (what: string, commandId: string): string =>
  hash("sha256", `${what}\0${commandId}`).slice(0, 26)

export interface Sending {
  /** Of the request, without the method. */
  readonly route: string
  /** What of the payload the route says, and not the body. */
  readonly named?: Readonly<Record<string, string>>
  /** From `If-Match`. */
  readonly expectedVersion?: number | undefined
}

/** What every command is sent with. */
export const options = Effect.fnUntraced(function* ({ expectedVersion, named, route }: Sending) {
  const { commandId, sent } = yield* CurrentCommand
  // It fitted its schema, or it was not to be; only a request without fields may come without a body.
  const body = (sent() ?? {}) as object
  return {
    commandId,
    said: { ...body, ...named },
    formerFingerprint: FormerFingerprint.of(`POST ${route}`, body),
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

/** `Receipts` answers commands of accounts: with a receipt, or with a refusal as a problem. */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either } from "effect"
import type { Reply } from "../../core/Aggregate.ts"
import * as CommandAnswer from "../../http/CommandAnswer.ts"
import type { Refusal } from "../account/AccountError.ts"
import type { Receipt } from "./AccountBodies.ts"
import type { OfRefusal } from "./BankProblem.ts"
import * as Refusals from "./Refusals.ts"

/** A command's answer: the receipt, or the refusal as a problem, which tells its place in the log too. */
export const answer = <E extends Refusal>(
  reply: Reply<Omit<Receipt, "commandId">, E>,
  options: {
    readonly status: number
    readonly headers?: Readonly<Record<string, string>>
  } = { status: 200 }
): Effect.Effect<HttpServerResponse.HttpServerResponse, OfRefusal<E>> => {
  const headers = CommandAnswer.headersOf(reply)
  if (Either.isLeft(reply.outcome)) return Effect.fail(Refusals.ofRefusal(reply.outcome.left, headers))
  const receipt: Receipt = { ...reply.outcome.right, commandId: reply.commandId }
  return Effect.succeed(
    HttpServerResponse.unsafeJson(receipt, { status: options.status, headers: { ...headers, ...options.headers } })
  )
}

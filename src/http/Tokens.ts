/**
 * `Tokens` says what a bearer of a token may do. The file has the SHA-256 of each token and never a token, and a presented one
 * is compared by its digest with each entry, in the same time wherever they differ.
 */
import { Buffer } from "node:buffer"
import { createHash, timingSafeEqual } from "node:crypto"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Context, Effect, Either, Layer, Schema } from "effect"
import * as Access from "./Access.ts"
import { Problem } from "./Problem.ts"

const Entry = Schema.Struct({
  name: Schema.NonEmptyString,
  sha256: Schema.String.pipe(Schema.pattern(/^[0-9a-fA-F]{64}$/)),
  scopes: Schema.NonEmptyArray(Access.Scope)
})
const decode = Schema.decodeUnknownEither(Schema.parseJson(Schema.NonEmptyArray(Entry)), { onExcessProperty: "error" })

export interface Token {
  readonly digest: Buffer
  /** Place of its widest scope in `Access.scopes`. */
  readonly level: number
}

/** The tokens of a file's text; left when it is not what it should be, which is said without quoting it. */
export const parse = (text: string): Either.Either<ReadonlyArray<Token>, "malformed"> =>
  Either.mapBoth(decode(text), {
    onLeft: () => "malformed" as const,
    onRight: (entries) =>
      entries.map(({ scopes, sha256 }) => ({
        digest: Buffer.from(sha256, "hex"),
        level: Math.max(...scopes.map((scope) => Access.scopes.indexOf(scope)))
      }))
  })

/** The tokens that are accepted; null when everyone is. */
export class Tokens extends Context.Tag("daybook/http/Tokens")<
  Tokens,
  { readonly all: ReadonlyArray<Token> | null }
>() {}

const levelOf = (tokens: ReadonlyArray<Token>, presented: string): number | undefined => {
  const digest = createHash("sha256").update(presented).digest()
  let level: number | undefined
  for (const token of tokens) if (timingSafeEqual(token.digest, digest)) level = Math.max(level ?? 0, token.level)
  return level
}

const challenge = 'Bearer realm="daybook"'
const unauthorized = (why: string) => new Problem("unauthorized", { headers: { "www-authenticate": challenge + why } })

const forbidden = (scope: Access.Scope) =>
  new Problem("forbidden", {
    detail: `The request needs the scope ${scope}.`,
    headers: { "www-authenticate": `${challenge}, error="insufficient_scope", scope="${scope}"` }
  })

const check = (all: ReadonlyArray<Token> | null, scope: Access.Scope) =>
  Effect.gen(function* () {
    if (all === null) return
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    const presented = /^bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1]
    if (presented === undefined) return yield* Effect.fail(unauthorized(""))
    const level = levelOf(all, presented)
    if (level === undefined) return yield* Effect.fail(unauthorized(', error="invalid_token"'))
    if (level < Access.scopes.indexOf(scope)) return yield* Effect.fail(forbidden(scope))
  })

/** The checks of the contract. */
export const layer: Layer.Layer<Access.Read | Access.Write | Access.Admin, never, Tokens> = Layer.unwrapEffect(
  Effect.map(Tokens, ({ all }) => {
    const bearer = (scope: Access.Scope) => ({ bearer: () => check(all, scope) })
    return Layer.mergeAll(
      Layer.succeed(Access.Read, bearer("read")),
      Layer.succeed(Access.Write, bearer("write")),
      Layer.succeed(Access.Admin, bearer("admin"))
    )
  })
)

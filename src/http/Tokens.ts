/**
 * `Tokens` says what a bearer of a token may do. The file has the SHA-256 of each token and never a token, and a presented one
 * is compared by its digest with each entry, in the same time wherever they differ. A token may have a rate.
 */
import { Buffer } from "node:buffer"
import { createHash, timingSafeEqual } from "node:crypto"
import * as RateLimiter from "@effect/experimental/RateLimiter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Context, Duration, Effect, Either, Layer, Schema } from "effect"
import * as Access from "./Access.ts"
import * as HttpConfig from "./HttpConfig.ts"
import { Problem } from "./Problem.ts"

const Entry = Schema.Struct({
  name: Schema.NonEmptyString,
  sha256: Schema.String.pipe(Schema.pattern(/^[0-9a-fA-F]{64}$/)),
  scopes: Schema.NonEmptyArray(Access.Scope)
})
const decode = Schema.decodeUnknownEither(Schema.parseJson(Schema.NonEmptyArray(Entry)), { onExcessProperty: "error" })

export interface Token {
  readonly name: string
  readonly digest: Buffer
  /** Place of its widest scope in `Access.scopes`. */
  readonly level: number
}

/** The tokens of a file's text; left when it is not what it should be, which is said without quoting it. */
export const parse = (text: string): Either.Either<ReadonlyArray<Token>, "malformed"> =>
  Either.mapBoth(decode(text), {
    onLeft: () => "malformed" as const,
    onRight: (entries) =>
      entries.map(({ name, scopes, sha256 }) => ({
        name,
        digest: Buffer.from(sha256, "hex"),
        level: Math.max(...scopes.map((scope) => Access.scopes.indexOf(scope)))
      }))
  })

/** The tokens that are accepted; null when everyone is. */
export class Tokens extends Context.Tag("daybook/http/Tokens")<
  Tokens,
  { readonly all: ReadonlyArray<Token> | null }
>() {}

/** The entry of the presented token; the widest, where it stands under several names. */
const find = (tokens: ReadonlyArray<Token>, presented: string): Token | undefined => {
  const digest = createHash("sha256").update(presented).digest()
  let found: Token | undefined
  for (const token of tokens) {
    if (timingSafeEqual(token.digest, digest) && token.level > (found?.level ?? -1)) found = token
  }
  return found
}

const challenge = 'Bearer realm="daybook"'
const unauthorized = (why: string) => new Problem("unauthorized", { headers: { "www-authenticate": challenge + why } })

const forbidden = (scope: Access.Scope) =>
  new Problem("forbidden", {
    detail: `The request needs the scope ${scope}.`,
    headers: { "www-authenticate": `${challenge}, error="insufficient_scope", scope="${scope}"` }
  })

/** Fails where the token of this name has used up its rate. */
type Limit = (name: string) => Effect.Effect<void, Problem<"too-many-requests">>

const unlimited: Limit = () => Effect.void

const limitOf = Effect.gen(function* () {
  const { maxRate } = yield* HttpConfig.HttpConfig
  if (maxRate === HttpConfig.unlimited) return unlimited
  const limiter = yield* RateLimiter.make
  return (name: string) =>
    limiter
      .consume({
        algorithm: "token-bucket",
        onExceeded: "fail",
        window: Duration.seconds(1),
        limit: maxRate,
        key: name
      })
      .pipe(
        Effect.catchAll((error) => {
          const seconds = error.reason === "Exceeded" ? Math.ceil(Duration.toSeconds(error.retryAfter)) : 1
          return Effect.fail(
            new Problem("too-many-requests", {
              detail: `The token ${name} may send ${maxRate} requests a second.`,
              headers: { "retry-after": String(Math.max(seconds, 1)) }
            })
          )
        })
      )
}).pipe(Effect.provide(RateLimiter.layerStoreMemory))

const anybody = { name: null }

const check = (all: ReadonlyArray<Token> | null, limit: Limit, scope: Access.Scope) =>
  Effect.gen(function* () {
    if (all === null) return anybody
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    const presented = /^bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1]
    if (presented === undefined) return yield* Effect.fail(unauthorized(""))
    const token = find(all, presented)
    if (token === undefined) return yield* Effect.fail(unauthorized(', error="invalid_token"'))
    yield* limit(token.name)
    if (token.level < Access.scopes.indexOf(scope)) return yield* Effect.fail(forbidden(scope))
    return { name: token.name }
  })

/** The checks of the contract. */
export const layer: Layer.Layer<Access.Read | Access.Write | Access.Admin, never, Tokens> = Layer.unwrapEffect(
  Effect.gen(function* () {
    const { all } = yield* Tokens
    const limit = yield* limitOf
    const bearer = (scope: Access.Scope) => ({ bearer: () => check(all, limit, scope) })
    return Layer.mergeAll(
      Layer.succeed(Access.Read, bearer("read")),
      Layer.succeed(Access.Write, bearer("write")),
      Layer.succeed(Access.Admin, bearer("admin"))
    )
  })
)

/**
 * `Tokens` says what a bearer of a token may do. The file has the SHA-256 of each token and never a token, and a presented one
 * is compared by its digest with each entry, in the same time wherever they differ. A token may have a rate, an end, and aggregates
 * that it is for.
 */
import { Buffer } from "node:buffer"
import { createHash, timingSafeEqual } from "node:crypto"
import * as RateLimiter from "@effect/experimental/RateLimiter"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Clock, Context, Duration, Effect, Either, Layer, Option, Schema } from "effect"
import type { Sender } from "../core/Principal.ts"
import * as StoredText from "../core/StoredText.ts"
import * as Access from "./Access.ts"
import { optional, UtcTime } from "./ApiParts.ts"
import * as HttpConfig from "./HttpConfig.ts"
import { Problem } from "./Problem.ts"
import * as Reach from "./Reach.ts"
import * as Session from "./Session.ts"

/** It stands in the journal as the principal; what Daybook sends for itself has names of these beginnings. */
const Name = Schema.NonEmptyString.pipe(
  Schema.filter((name) => StoredText.misfit(name) === undefined && !/^(?:reaction|timer):/.test(name))
)
const Entry = Schema.Struct({
  name: Name,
  sha256: Schema.String.pipe(Schema.pattern(/^[0-9a-fA-F]{64}$/)),
  scopes: Schema.NonEmptyArray(Access.Scope),
  expiresAt: optional(UtcTime),
  aggregates: optional(Schema.Record({ key: Schema.NonEmptyString, value: Schema.Array(Schema.NonEmptyString) }))
})
const decode = Schema.decodeUnknownEither(Schema.parseJson(Schema.NonEmptyArray(Entry)), { onExcessProperty: "error" })

/** Who presents a token, and what that one may do. */
export interface Bearer {
  readonly name: string
  /** Place of its widest scope in `Access.scopes`. */
  readonly level: number
  /** Ids of aggregates by their names, where it is for these alone. Default: for all. */
  readonly aggregates?: Access.Aggregates
}

export interface Token extends Bearer {
  readonly digest: Buffer
  /** From then on it is not taken, in milliseconds since 1970-01-01 UTC. Default: it is taken for good. */
  readonly expiresAt?: number
}

/** The place of the widest of some scopes. */
export const levelOf = (scopes: ReadonlyArray<Access.Scope>): number =>
  Math.max(...scopes.map((scope) => Access.scopes.indexOf(scope)))

/** The tokens of a file's text; left when it is not what it should be, which is said without quoting it. */
export const parse = (text: string): Either.Either<ReadonlyArray<Token>, "malformed"> =>
  Either.mapBoth(decode(text), {
    onLeft: () => "malformed" as const,
    onRight: (entries) =>
      entries.map(({ aggregates, expiresAt, name, scopes, sha256 }) => ({
        name,
        digest: Buffer.from(sha256, "hex"),
        level: levelOf(scopes),
        ...(expiresAt !== undefined && { expiresAt: Date.parse(expiresAt) }),
        ...(aggregates !== undefined && {
          aggregates: new Map(Object.entries(aggregates).map(([aggregate, ids]) => [aggregate, new Set(ids)]))
        })
      }))
  })

/** Who presents this; or why nobody does. */
export type Find = (presented: string) => Effect.Effect<Bearer | "unknown" | "expired">

/** Looks among tokens, of which there may be others each time. Of several entries of one token the widest counts. */
export const among =
  (all: () => ReadonlyArray<Token>): Find =>
  (presented) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const digest = createHash("sha256").update(presented).digest()
      let found: Token | "unknown" | "expired" = "unknown"
      for (const token of all()) {
        if (!timingSafeEqual(token.digest, digest)) continue
        if (token.expiresAt !== undefined && token.expiresAt <= now) {
          if (found === "unknown") found = "expired"
        } else if (typeof found === "string" || token.level > found.level) found = token
      }
      return found
    })

/** How the bearer of a token is found; null when everyone may do everything. */
export class Tokens extends Context.Tag("daybook/http/Tokens")<Tokens, { readonly find: Find | null }>() {}

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

/** All that a bearer may do, to compare. */
const reachOf = ({ aggregates, level, name }: Bearer): string =>
  JSON.stringify([name, level, aggregates && Array.from(aggregates, ([key, ids]) => [key, [...ids].sort()]).sort()])

const toCaller = (find: Find, presented: string, bearer: Bearer): Session.Caller => ({
  name: bearer.name,
  aggregates: bearer.aggregates ?? null,
  isTrusted: Effect.map(find(presented), (now) => typeof now !== "string" && reachOf(now) === reachOf(bearer))
})

const check = (find: Find | null, limit: Limit, scope: Access.Scope) =>
  Effect.gen(function* (): Effect.fn.Return<
    Sender | null,
    Problem<"unauthorized"> | Problem<"forbidden"> | Problem<"too-many-requests">,
    HttpServerRequest.HttpServerRequest
  > {
    if (find === null) return null
    const session = yield* Session.CurrentSession
    const refused = <E>(why: Session.Refused, error: E) => {
      session.refused = why
      return Effect.fail(error)
    }
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    const presented = /^bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1]
    if (presented === undefined) return yield* refused("missing", unauthorized(""))
    const bearer = yield* find(presented)
    if (typeof bearer === "string") return yield* refused(bearer, unauthorized(', error="invalid_token"'))
    const { level, name } = bearer
    session.caller = toCaller(find, presented, bearer)
    yield* Effect.tapError(limit(name), (error) => refused("rate", error))
    if (level < Access.scopes.indexOf(scope)) return yield* refused("scope", forbidden(scope))
    const context = yield* Effect.context<never>()
    const route = Context.getOption(context, HttpRouter.RouteContext)
    yield* Reach.ofRoute(Option.getOrUndefined(route)?.params ?? {})
    return { name, isPersonal: true }
  })

/** The checks of the contract. */
export const layer: Layer.Layer<Access.Read | Access.Write | Access.Admin, never, Tokens> = Layer.unwrapEffect(
  Effect.gen(function* () {
    const { find } = yield* Tokens
    const limit = yield* limitOf
    const bearer = (scope: Access.Scope) => ({ bearer: () => check(find, limit, scope) })
    return Layer.mergeAll(
      Layer.succeed(Access.Read, bearer("read")),
      Layer.succeed(Access.Write, bearer("write")),
      Layer.succeed(Access.Admin, bearer("admin"))
    )
  })
)

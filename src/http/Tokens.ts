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
import * as OriginGuard from "./OriginGuard.ts"
import { Problem } from "./Problem.ts"
import * as Reach from "./Reach.ts"
import * as Session from "./Session.ts"
import * as SignIns from "./SignIns.ts"
import * as StrictJson from "./StrictJson.ts"
import * as TokenBuckets from "./TokenBuckets.ts"

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
const decode = Schema.decodeUnknownEither(Schema.NonEmptyArray(Entry), { onExcessProperty: "error" })

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

/** The tokens of a file's text; left where it is not what it should be, with what is wrong, which quotes nothing. */
export const parse = (text: string): Either.Either<ReadonlyArray<Token>, string> =>
  Either.map(StrictJson.decodeText(text, decode), (entries) =>
    entries.map(({ aggregates, expiresAt, name, scopes, sha256 }) => ({
      name,
      digest: Buffer.from(sha256, "hex"),
      level: levelOf(scopes),
      ...(expiresAt !== undefined && { expiresAt: Date.parse(expiresAt) }),
      ...(aggregates !== undefined && {
        aggregates: new Map(Object.entries(aggregates).map(([aggregate, ids]) => [aggregate, new Set(ids)]))
      })
    }))
  )

/** Who presents this token; or why it is not accepted. */
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

/** Whose a bearer token is, and what it may do. */
export class Tokens extends Context.Tag("daybook/http/Tokens")<
  Tokens,
  {
    /** How the bearer of a token is found; null when everyone may do everything. */
    readonly find: Find | null
    /** Whether everyone may only read, whatever the token. */
    readonly isReadOnly: boolean
  }
>() {}

const challenge = 'Bearer realm="daybook"'
const unauthorized = (why: string) => new Problem("unauthorized", { headers: { "www-authenticate": challenge + why } })

const forbidden = (scope: Access.Scope) =>
  new Problem("forbidden", {
    detail: `The request needs the scope ${scope}.`,
    headers: { "www-authenticate": `${challenge}, error="insufficient_scope", scope="${scope}"` }
  })

const readOnly = () => new Problem("forbidden", { detail: "The service is read only: it changes nothing for anybody." })

const foreign = (detail: string) => new Problem("foreign-page", { detail })

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
}).pipe(Effect.provide(TokenBuckets.layer))

/** All that a bearer may do, to compare. */
const reachOf = ({ aggregates, level, name }: Bearer): string =>
  JSON.stringify([name, level, aggregates && Array.from(aggregates, ([key, ids]) => [key, [...ids].sort()]).sort()])

/** The token of a request, and how it came. */
interface Presented {
  readonly token: string
  /** Null where the request has the token itself. */
  readonly signIn: SignIns.SignIn | null
}

const adminLevel = Access.scopes.indexOf("admin")

/** What a bearer may do in this way: by a sign-in everything or, without the scope admin, nothing but read. */
const levelBy = ({ level }: Bearer, { signIn }: Pick<Presented, "signIn">): number =>
  signIn === null || level >= adminLevel ? level : 0

/** The token that the request has, itself or by a sign-in; undefined where it has none. */
const presentedBy = ({ headers, method }: HttpServerRequest.HttpServerRequest, signIns: SignIns.SignIns["Type"]) =>
  Effect.gen(function* (): Effect.fn.Return<Presented | undefined, Problem<"foreign-page">> {
    if (headers.authorization !== undefined) {
      const token = /^bearer +(\S+) *$/i.exec(headers.authorization)?.[1]
      return token === undefined ? undefined : { token, signIn: null }
    }
    const signIn = yield* signIns.of(headers)
    if (signIn === undefined) return undefined
    if (!OriginGuard.isOwnPage(headers)) {
      return yield* Effect.fail(foreign("A sign-in is for the service's own pages, and the request is of another one."))
    }
    if (method !== "GET" && method !== "HEAD" && !SignIns.isRepeated(signIn, headers)) {
      const detail = "A request by a sign-in that changes anything repeats its secret in the field Daybook-Csrf."
      return yield* Effect.fail(foreign(detail))
    }
    return { token: signIn.token, signIn }
  })

const toCaller = (
  find: Find,
  signIns: SignIns.SignIns["Type"],
  { signIn, token }: Presented,
  bearer: Bearer
): Session.Caller => ({
  name: bearer.name,
  aggregates: bearer.aggregates ?? null,
  isTrusted: Effect.zipWith(
    Effect.map(find(token), (now) => typeof now !== "string" && reachOf(now) === reachOf(bearer)),
    signIn === null ? Effect.succeed(true) : signIns.lasts(signIn),
    (isKnown, lasts) => isKnown && lasts
  )
})

/** Who the request is of, by its token or its sign-in. */
export interface Recognized {
  readonly presented: Presented
  readonly caller: Session.Caller
  readonly level: number
}

const recognized = (
  find: Find,
  signIns: SignIns.SignIns["Type"],
  presented: Presented,
  bearer: Bearer
): Recognized => ({
  presented,
  caller: toCaller(find, signIns, presented, bearer),
  level: levelBy(bearer, presented)
})

/** Who has just signed in. */
export const signedIn = (
  find: Find,
  signIns: SignIns.SignIns["Type"],
  signIn: SignIns.SignIn,
  bearer: Bearer
): Recognized => recognized(find, signIns, { token: signIn.token, signIn }, bearer)

/** The sign-in that a request comes by, whatever became of its token; undefined where it comes by none. */
export const signInOf = (request: HttpServerRequest.HttpServerRequest, signIns: SignIns.SignIns["Type"]) =>
  Effect.map(presentedBy(request, signIns), (presented) => presented?.signIn ?? undefined)

/** Who sent a request; or why the sender is not known. */
export const recognize = (
  find: Find,
  signIns: SignIns.SignIns["Type"],
  request: HttpServerRequest.HttpServerRequest
): Effect.Effect<Recognized | "missing" | "unknown" | "expired", Problem<"foreign-page">> =>
  Effect.gen(function* () {
    const presented = yield* presentedBy(request, signIns)
    if (presented === undefined) return "missing"
    const bearer = yield* find(presented.token)
    if (typeof bearer === "string") return bearer
    return recognized(find, signIns, presented, bearer)
  })

const check = (
  { find, isReadOnly }: Tokens["Type"],
  signIns: SignIns.SignIns["Type"],
  limit: Limit,
  scope: Access.Scope
) =>
  Effect.gen(function* (): Effect.fn.Return<
    Sender | null,
    Problem<"unauthorized"> | Problem<"forbidden"> | Problem<"foreign-page"> | Problem<"too-many-requests">,
    HttpServerRequest.HttpServerRequest
  > {
    if (isReadOnly && scope !== "read") return yield* Effect.fail(readOnly())
    if (find === null) return null
    const session = yield* Session.CurrentSession
    const refused = <E>(why: Session.Refused, error: E) => {
      session.refused = why
      return Effect.fail(error)
    }
    const known = yield* Effect.tapError(
      recognize(find, signIns, yield* HttpServerRequest.HttpServerRequest),
      (error) => refused("foreign", error)
    )
    if (known === "missing") return yield* refused(known, unauthorized(""))
    if (typeof known === "string") return yield* refused(known, unauthorized(', error="invalid_token"'))
    const { caller, level } = known
    session.caller = caller
    yield* Effect.tapError(limit(caller.name), (error) => refused("rate", error))
    if (level < Access.scopes.indexOf(scope)) return yield* refused("scope", forbidden(scope))
    const context = yield* Effect.context<never>()
    const route = Context.getOption(context, HttpRouter.RouteContext)
    yield* Reach.ofRoute(Option.getOrUndefined(route)?.params ?? {})
    return { name: caller.name, isPersonal: true }
  })

/** The checks of the contract. */
export const layer: Layer.Layer<Access.Read | Access.Write | Access.Admin, never, Tokens | SignIns.SignIns> =
  Layer.unwrapEffect(
    Effect.gen(function* () {
      const tokens = yield* Tokens
      const signIns = yield* SignIns.SignIns
      const limit = yield* limitOf
      const bearer = (scope: Access.Scope) => ({ bearer: () => check(tokens, signIns, limit, scope) })
      return Layer.mergeAll(
        Layer.succeed(Access.Read, bearer("read")),
        Layer.succeed(Access.Write, bearer("write")),
        Layer.succeed(Access.Admin, bearer("admin"))
      )
    })
  )

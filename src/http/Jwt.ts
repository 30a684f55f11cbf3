/**
 * `Jwt` finds the bearer of a JSON Web Token of an issuer: signed by one of its keys with one of three algorithms, for this audience,
 * and neither over nor before its time. Its principal is `iss#sub`, and what it may do stands in its claim `scope`.
 *
 * `jose` verifies; it is an optional package, for those who have an issuer.
 */
import { Clock, Effect, type Either, LogLevel, Schema } from "effect"
import * as FaultLog from "../core/FaultLog.ts"
import * as StoredText from "../core/StoredText.ts"
import * as Access from "./Access.ts"
import * as StrictJson from "./StrictJson.ts"
import * as Tokens from "./Tokens.ts"

/** The keys of an issuer: where they are, or a function that returns those of a file, which may change. */
export type Keys = URL | (() => KeySet)
export interface KeySet {
  readonly keys: ReadonlyArray<object>
}

export interface Options {
  readonly keys: Keys
  /** As `iss` has it. */
  readonly issuer: string
  /** One of `aud`. */
  readonly audience: string
}

const decodeKeySet = Schema.decodeUnknownEither(Schema.Struct({ keys: Schema.NonEmptyArray(Schema.Object) }))

/** The keys of a file's text; left where it is not a JSON Web Key Set, with what is wrong. */
export const parse = (text: string): Either.Either<KeySet, string> => StrictJson.decodeText(text, decodeKeySet)

/** Asymmetric ones alone: with a shared secret anyone who checks a token could make one. `none` is not among them. */
const algorithms = ["RS256", "ES256", "EdDSA"]

/** How far the issuer's clock may be from this one. */
const clockTolerance = 30

/** For how long keys are used without a look at the issuer's, and how soon an unknown key has it looked at again. */
const maxKeyAge = 600_000
const cooldown = 30_000
const fetchTimeout = 5_000

type GetKey = (header: object, token: object) => Promise<unknown>

/**
 * The part of `jose` that is used. Its own types are not used: a program without an issuer need not have it installed,
 * not even to compile.
 */
interface Jose {
  readonly createLocalJWKSet: (keys: KeySet) => GetKey
  readonly createRemoteJWKSet: (
    url: URL,
    options: { readonly cacheMaxAge: number; readonly cooldownDuration: number; readonly timeoutDuration: number }
  ) => GetKey
  readonly jwtVerify: (
    token: string,
    key: GetKey,
    options: {
      readonly algorithms: ReadonlyArray<string>
      readonly audience: string
      readonly clockTolerance: number
      readonly currentDate: Date
      readonly issuer: string
      readonly requiredClaims: ReadonlyArray<string>
    }
  ) => Promise<{ readonly payload: Readonly<Record<string, unknown>> }>
}
const packageName: string = "jose"

/** Whether it looks like such a token, so that no other one is verified. */
const isToken = (presented: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(presented)

const bearerOf = ({ iss, scope, sub }: Readonly<Record<string, unknown>>): Tokens.Bearer | "unknown" => {
  const name = `${iss}#${sub}`
  if (typeof sub !== "string" || sub === "" || StoredText.misfit(name) !== undefined) return "unknown"
  const words = typeof scope === "string" ? scope.split(" ") : []
  // Without any of ours it is known, and may do nothing.
  return { name, level: Tokens.levelOf(Access.scopes.filter((each) => words.includes(each))) }
}

/** Codes of `jose` that say something of the token; all others say that the keys cannot be had. */
const isOfToken = (code: string): boolean =>
  /^ERR_(?:JWT|JWS|JOSE_ALG|JOSE_NOT_SUPPORTED|JWKS_NO_MATCHING|JWKS_MULTIPLE)/.test(code)

/** Fails where the package is not installed. */
export const make = ({ audience, issuer, keys }: Options): Effect.Effect<Tokens.Find, unknown> =>
  Effect.gen(function* () {
    const jose: Jose = yield* Effect.tryPromise({ try: () => import(packageName), catch: (error) => error })
    const remote =
      keys instanceof URL
        ? jose.createRemoteJWKSet(keys, {
            cacheMaxAge: maxKeyAge,
            cooldownDuration: cooldown,
            timeoutDuration: fetchTimeout
          })
        : undefined
    let current: { readonly set: KeySet; readonly getKey: GetKey } | undefined
    const getKey: GetKey = (header, token) => {
      if (remote !== undefined) return remote(header, token)
      const set = (keys as () => KeySet)()
      if (current?.set !== set) current = { set, getKey: jose.createLocalJWKSet(set) }
      return current.getKey(header, token)
    }

    let reachable = true
    /** Told once when the keys cannot be had, and once when they can again. */
    const tell = (now: boolean, code: string) => {
      if (now === reachable) return Effect.void
      reachable = now
      return now
        ? FaultLog.report(LogLevel.Info, "the keys of the tokens' issuer can be had again", {})
        : FaultLog.report(LogLevel.Error, "the keys of the tokens' issuer cannot be had: its tokens are refused", {
            code
          })
    }

    return (presented) =>
      !isToken(presented)
        ? Effect.succeed("unknown")
        : Effect.flatMap(Clock.currentTimeMillis, (now) =>
            Effect.tryPromise({
              try: () =>
                jose.jwtVerify(presented, getKey, {
                  algorithms,
                  audience,
                  clockTolerance,
                  currentDate: new Date(now),
                  issuer,
                  requiredClaims: ["exp", "sub"]
                }),
              catch: (error) => String((error as { readonly code?: unknown } | null)?.code ?? "unreachable")
            })
          ).pipe(
            Effect.matchEffect({
              onSuccess: ({ payload }) => Effect.as(tell(true, ""), bearerOf(payload)),
              onFailure: (code) => {
                if (code === "ERR_JWT_EXPIRED") return Effect.succeed("expired" as const)
                return Effect.as(isOfToken(code) ? Effect.void : tell(false, code), "unknown" as const)
              }
            })
          )
  })

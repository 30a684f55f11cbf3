/** `Trusted` says whose tokens a service accepts, by its flags: those of a file, those of an issuer, both, or none. */
import { Effect, Option, type Scope } from "effect"
import * as MissingPackage from "../core/MissingPackage.ts"
import * as Jwt from "../http/Jwt.ts"
import * as OriginGuard from "../http/OriginGuard.ts"
import * as Tokens from "../http/Tokens.ts"
import * as FollowedFile from "./FollowedFile.ts"
import { Finding, UsageError } from "./UsageError.ts"

export interface Settings {
  /** The file of the tokens that are accepted. */
  readonly tokens: Option.Option<string>
  /** The file or the URL of the issuer's keys. */
  readonly jwks: Option.Option<string>
  readonly issuer: Option.Option<string>
  readonly audience: Option.Option<string>
}

const ofFile = (path: string): Effect.Effect<Tokens.Find, Finding, Scope.Scope> =>
  Effect.map(
    FollowedFile.follow({
      what: "the file of tokens",
      path,
      parse: Tokens.parse,
      form: 'a JSON list of {"name", "sha256", "scopes"} with at least one entry; expiresAt and aggregates may be added'
    }),
    Tokens.among
  )

/** Someone who can change keys on their way can make tokens. */
const isSafe = ({ hostname, protocol }: URL): boolean =>
  protocol === "https:" || (protocol === "http:" && OriginGuard.isLoopback(hostname.replace(/^\[|\]$/g, "")))

const keysOf = (where: string): Effect.Effect<Jwt.Keys, Finding | UsageError, Scope.Scope> => {
  if (!/^https?:/i.test(where)) {
    const file = { what: "the file of keys", path: where, parse: Jwt.parse, form: 'a JSON Web Key Set {"keys": […]}' }
    return FollowedFile.follow(file)
  }
  return URL.canParse(where) && isSafe(new URL(where))
    ? Effect.succeed(new URL(where))
    : new UsageError({ reason: "--jwks is a file, or a URL that begins with https://" })
}

const ofIssuer = ({ audience, issuer, jwks }: Settings) =>
  Effect.gen(function* () {
    const given = Option.all({ audience, issuer, jwks })
    if (Option.isNone(given))
      return yield* new UsageError({ reason: "--jwks, --issuer and --audience belong together" })
    const keys = yield* keysOf(given.value.jwks)
    return yield* Effect.mapError(Jwt.make({ ...given.value, keys }), (error) => {
      const missing = MissingPackage.describe(error, "--jwks")
      return new Finding({ reason: missing ?? `--jwks cannot be used: ${error}` })
    })
  })

/** The first that knows the token; that it is over says no more than that it is unknown. */
const either =
  (one: Tokens.Find, other: Tokens.Find): Tokens.Find =>
  (presented) =>
    Effect.flatMap(one(presented), (found) =>
      typeof found !== "string"
        ? Effect.succeed(found)
        : Effect.map(other(presented), (second) => (second === "unknown" ? found : second))
    )

/** How a token's bearer is found; null where the service takes everybody. */
export const find = (settings: Settings): Effect.Effect<Tokens.Find | null, Finding | UsageError, Scope.Scope> =>
  Effect.gen(function* () {
    const { audience, issuer, jwks, tokens } = settings
    const file = Option.isSome(tokens) ? yield* ofFile(tokens.value) : null
    if ([audience, issuer, jwks].every(Option.isNone)) return file
    const ofIssuers = yield* ofIssuer(settings)
    return file === null ? ofIssuers : either(file, ofIssuers)
  })

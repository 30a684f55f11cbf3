/**
 * `SignIns` lets a browser hold a token's rights without holding the token: a cookie that no script reads, for some
 * hours. The cookie has the token in it, sealed with a key that only the service has, so that the token is checked
 * again with each request: one that was removed, is over or may do less now takes its cookies along, on every node that
 * has the key.
 *
 * - A cookie is sealed, not signed: someone who reads it does not have the token, and nobody can make or change one.
 * - It ends with its time, whatever the browser does, and at once when its holder signs out.
 * - It permits reading; only the sign-in of an administrator's token permits more. What it changes comes with a second
 *   secret, which the page was told and no other page can read.
 */
import { Buffer } from "node:buffer"
import { createCipheriv, createDecipheriv, randomBytes, timingSafeEqual } from "node:crypto"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Clock, Context, Duration, Effect, Layer } from "effect"
import { HttpConfig } from "./HttpConfig.ts"
import { LogHeader } from "./LogHeader.ts"
import * as OriginGuard from "./OriginGuard.ts"

/** One time that somebody signed in. */
export interface SignIn {
  readonly id: string
  readonly token: string
  /** What a request that changes anything must repeat, in the field `csrfField`. */
  readonly csrf: string
  /** Milliseconds since 1970-01-01 UTC. */
  readonly until: number
}

export const csrfField = "daybook-csrf"

/**
 * Its cookie. Over TLS under a name that a browser takes from this host alone, and never from another one of its
 * domain.
 */
export const cookieName = "daybook-session"
const secureName = `__Host-${cookieName}`

/** Bytes of the key that cookies are sealed with. */
export const keyBytes = 32

/** Longest token that a cookie has room for: browsers take 4,096 bytes. */
export const maxTokenLength = 2_048

/** Ends that are remembered until their cookies would be over by themselves. */
const maxEnded = 65_536

const algorithm = "aes-256-gcm"
const nonceBytes = 12
const tagBytes = 16

const isText = (value: unknown): value is string => typeof value === "string"

/** For one log: a cookie of another one that is sealed with the same key is none here. */
const sealing = (key: Uint8Array, logId: () => string) => {
  const about = () => Buffer.from(`${cookieName} ${logId()}`)
  return {
    seal: (value: SignIn): string => {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv(algorithm, key, nonce).setAAD(about())
      const sealed = Buffer.concat([cipher.update(JSON.stringify(value)), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url")
    },
    open: (text: string): SignIn | undefined => {
      const bytes = Buffer.from(text, "base64url")
      if (bytes.length <= nonceBytes + tagBytes) return undefined
      const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decipher.setAAD(about()).setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
      try {
        const opened = decipher.update(bytes.subarray(nonceBytes + tagBytes))
        const { csrf, id, token, until } = JSON.parse(Buffer.concat([opened, decipher.final()]).toString())
        return isText(id) && isText(token) && isText(csrf) && typeof until === "number"
          ? { id, token, csrf, until }
          : undefined
      } catch {
        // Sealed with another key, or changed: it is not valid.
        return undefined
      }
    }
  }
}

const valuesOf = (field: string, name: string): ReadonlyArray<string> =>
  field
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))

type Fields = Readonly<Record<string, string | undefined>>

/** Whether the browser speaks TLS, by what it or the proxy before the service says. */
const isSecure = ({ origin, "x-forwarded-proto": proto }: Fields): boolean =>
  origin?.toLowerCase().startsWith("https://") === true || proto?.split(",")[0]?.trim().toLowerCase() === "https"

/**
 * The cookie of a request. Where two have one name, it is unknown which is whose. Over TLS only the cookie that no
 * other host can have set counts: a neighbour in the domain can set the plain one for the whole domain, and its user
 * would then work under the neighbour's name.
 */
const presentedIn = (headers: Fields): string | undefined => {
  const field = headers.cookie ?? ""
  const ofHost = valuesOf(field, secureName)
  // What another page says of itself says nothing about this one, whose request is refused as foreign.
  const isTls = isSecure(headers) && OriginGuard.isOwnPage(headers)
  const found = ofHost.length > 0 || isTls ? ofHost : valuesOf(field, cookieName)
  return found.length === 1 ? found[0] : undefined
}

const cookie =
  (secure: boolean, value: string, life: Duration.Duration) => (response: HttpServerResponse.HttpServerResponse) =>
    HttpServerResponse.unsafeSetCookie(response, secure ? secureName : cookieName, value, {
      path: "/",
      maxAge: life,
      httpOnly: true,
      sameSite: "strict",
      secure
    })

/** What an answer gets so that the browser has the cookie, or no longer has it. */
type Answering = (response: HttpServerResponse.HttpServerResponse) => HttpServerResponse.HttpServerResponse

/** Who is signed in with a browser, by a cookie. */
export class SignIns extends Context.Tag("daybook/http/SignIns")<
  SignIns,
  {
    /** A new one for this token, and the answer with its cookie for who sent these fields. */
    readonly begin: (
      token: string,
      headers: Fields
    ) => Effect.Effect<{ readonly signIn: SignIn; readonly remember: Answering }>
    /** The one that the request's cookie is of; undefined where it has none, or one that is over. */
    readonly of: (headers: Fields) => Effect.Effect<SignIn | undefined>
    /** Whether it is not over. */
    readonly lasts: (signIn: SignIn) => Effect.Effect<boolean>
    /** Ends it, and gives the answer by which the browser forgets it. */
    readonly end: (signIn: SignIn) => Effect.Effect<Answering>
  }
>() {}

/** Whether the request repeats the secret of its sign-in. */
export const isRepeated = ({ csrf }: SignIn, headers: Fields): boolean => {
  const [given, expected] = [Buffer.from(headers[csrfField] ?? ""), Buffer.from(csrf)]
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/**
 * With this key, which all nodes that answer one browser must have; by default with one of the process, so that a
 * restart ends all sign-ins. Which were ended before their time, each node knows of itself alone.
 */
export const layer = (key: Uint8Array = randomBytes(keyBytes)): Layer.Layer<SignIns, never, LogHeader> =>
  Layer.effect(
    SignIns,
    Effect.gen(function* () {
      const { logId } = yield* LogHeader
      const { signInLife } = yield* HttpConfig
      const { open, seal } = sealing(key, logId)
      /** Ids of those that were ended, with when they would have been over, the first one first. */
      const ended = new Map<string, number>()
      const isOver = ({ id, until }: SignIn, now: number) => until <= now || ended.has(id)
      const forget = (now: number) => {
        for (const [id, until] of ended) {
          if (until > now && ended.size < maxEnded) return
          ended.delete(id)
        }
      }
      return {
        begin: (token, headers) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            const secret = () => randomBytes(16).toString("base64url")
            const signIn = { id: secret(), token, csrf: secret(), until: now + Duration.toMillis(signInLife) }
            return { signIn, remember: cookie(isSecure(headers), seal(signIn), signInLife) }
          }),
        of: (headers) => {
          const value = presentedIn(headers)
          const signIn = value === undefined ? undefined : open(value)
          if (signIn === undefined) return Effect.succeed(undefined)
          return Effect.map(Clock.currentTimeMillis, (now) => (isOver(signIn, now) ? undefined : signIn))
        },
        lasts: (signIn) => Effect.map(Clock.currentTimeMillis, (now) => !isOver(signIn, now)),
        end: ({ id, until }) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            forget(now)
            ended.set(id, until)
            const gone = (secure: boolean) => cookie(secure, "", Duration.zero)
            return (response) => gone(true)(gone(false)(response))
          })
      }
    })
  )

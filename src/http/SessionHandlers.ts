/** The answers to a browser that signs in and out. */
import type { IncomingMessage } from "node:http"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Duration, Effect } from "effect"
import * as Elapsed from "../core/Elapsed.ts"
import * as Access from "./Access.ts"
import { HttpConfig } from "./HttpConfig.ts"
import * as OriginGuard from "./OriginGuard.ts"
import { Problem } from "./Problem.ts"
import { ServiceApi } from "./ServiceApi.ts"
import * as Session from "./Session.ts"
import type { SessionView } from "./SessionApi.ts"
import { SignInAttempts } from "./SignInAttempts.ts"
import * as SignIns from "./SignIns.ts"
import * as Tokens from "./Tokens.ts"

/** Where the request comes from, as far as this server sees. */
const addressOf = ({ source }: HttpServerRequest.HttpServerRequest): string =>
  (source as Partial<IncomingMessage>).socket?.remoteAddress ?? ""

const tooMany = (milliseconds: number) =>
  new Problem("too-many-requests", {
    detail: "Too many tokens were tried in vain from this address.",
    headers: { "retry-after": String(Math.max(1, Math.ceil(milliseconds / 1_000))) }
  })

const notKnown = () => new Problem("unauthorized", { detail: "Nobody has this token, or it is over." })

export const layer = HttpApiBuilder.group(ServiceApi, "session", (handlers) =>
  Effect.gen(function* () {
    const { find, isReadOnly } = yield* Tokens.Tokens
    const signIns = yield* SignIns.SignIns
    const { maxSignInFailures, signInWindow } = yield* HttpConfig
    const attempts = new SignInAttempts({ most: maxSignInFailures, windowMs: Duration.toMillis(signInWindow) })
    const nobody: SessionView = {
      tokens: find !== null,
      principal: null,
      scope: find !== null ? null : isReadOnly ? "read" : "admin",
      expiresAt: null,
      csrf: null,
      readOnly: isReadOnly
    }
    const view = ({ caller, level, presented: { signIn } }: Tokens.Recognized): SessionView => ({
      ...nobody,
      principal: caller.name,
      scope: isReadOnly ? "read" : (Access.scopes[level] ?? null),
      expiresAt: signIn === null ? null : new Date(signIn.until).toISOString(),
      csrf: signIn?.csrf ?? null
    })
    /** The fiber's own request has what the session says in the access log. */
    const noteCaller = (caller: Session.Caller) =>
      Effect.map(Session.CurrentSession, (session) => {
        session.caller = caller
      })

    return handlers
      .handle("show", ({ request }) =>
        Effect.gen(function* () {
          if (find === null) return nobody
          const known = yield* Tokens.recognize(find, signIns, request)
          if (typeof known === "string") return nobody
          yield* noteCaller(known.caller)
          return view(known)
        })
      )
      .handle("signIn", ({ payload: { token }, request }) =>
        Effect.gen(function* () {
          if (find === null) return HttpServerResponse.unsafeJson(nobody)
          if (!OriginGuard.isOwnPage(request.headers)) {
            return yield* Effect.fail(
              new Problem("foreign-page", { detail: "Sign in on a page of the service itself." })
            )
          }
          const address = addressOf(request)
          const wait = attempts.begin(address, yield* Elapsed.millis)
          if (wait > 0) return yield* Effect.fail(tooMany(wait))
          const bearer = yield* find(token)
          if (typeof bearer === "string") {
            const session = yield* Session.CurrentSession
            session.refused = bearer
            return yield* Effect.fail(notKnown())
          }
          attempts.succeeded(address)
          const { remember, signIn } = yield* signIns.begin(token, request.headers)
          const known = Tokens.signedIn(find, signIns, signIn, bearer)
          yield* noteCaller(known.caller)
          return remember(HttpServerResponse.unsafeJson(view(known)))
        })
      )
      .handle("signOut", ({ request }) =>
        Effect.gen(function* () {
          const signIn = find === null ? undefined : yield* Tokens.signInOf(request, signIns)
          const done = HttpServerResponse.empty({ status: 204 })
          return signIn === undefined ? done : (yield* signIns.end(signIn))(done)
        })
      )
  })
)

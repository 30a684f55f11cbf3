/**
 * `SessionApi` is how a browser signs in with a token, and out again. None of it is a command: nothing of it is in the
 * log.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { always, strict } from "./ApiParts.ts"
import * as Problem from "./Problem.ts"

export const SessionView = Schema.Struct({
  tokens: Schema.Boolean,
  principal: Schema.NullOr(Schema.String),
  scope: Schema.NullOr(Schema.Literal("read", "write", "admin")),
  expiresAt: Schema.NullOr(Schema.String),
  csrf: Schema.NullOr(Schema.String),
  readOnly: Schema.Boolean
}).annotations({
  identifier: "Session",
  description:
    "`tokens`: whether the service asks for any. `scope`: what the request may do, null where it may do nothing; by a sign-in it is `read` or `admin`. Requests by a sign-in that change anything repeat `csrf` in the field `Daybook-Csrf`. `readOnly`: the service changes nothing for anybody.",
  examples: [
    {
      tokens: true,
      principal: "anna",
      scope: "admin",
      expiresAt: "2026-01-31T20:00:00.000Z",
      csrf: "b8Jm2Q0x4n1Zr6sT9uVwXy",
      readOnly: false
    }
  ]
})
export type SessionView = typeof SessionView.Type

const SignIn = Schema.Struct({
  // As long as a cookie has room for: `SignIns.maxTokenLength`, whose module no browser loads.
  token: Schema.String.pipe(
    Schema.pattern(/^\S{1,2048}$/, { message: () => "is 1 to 2,048 characters without a space" })
  )
}).annotations({ identifier: "SignIn", examples: [{ token: "1f0e3dad99908345f7439f8ffabdffc4" }], ...strict })

export class Sessions extends HttpApiGroup.make("session")
  .annotate(OpenApi.Description, "How a browser signs in with a token, and out again.")
  .add(
    HttpApiEndpoint.get("show", "/session")
      .annotate(OpenApi.Summary, "Who the request is of, and what it may do")
      .addSuccess(SessionView)
      .addError(Schema.Union(always, Problem.schema("shutting-down")))
  )
  .add(
    HttpApiEndpoint.put("signIn", "/session")
      .annotate(OpenApi.Summary, "Sign in: the answer sets a cookie that no script reads")
      .setPayload(SignIn)
      .addSuccess(SessionView)
      .addError(
        Schema.Union(
          always,
          Problem.schema("malformed-json"),
          Problem.schema("unauthorized"),
          Problem.schema("body-too-large"),
          Problem.schema("unsupported-media-type"),
          Problem.schema("too-many-requests"),
          Problem.schema("shutting-down")
        )
      )
  )
  .add(
    HttpApiEndpoint.del("signOut", "/session")
      .annotate(OpenApi.Summary, "Sign out: the cookie is taken no more")
      .addSuccess(HttpApiSchema.NoContent)
      .addError(Schema.Union(always, Problem.schema("shutting-down")))
  ) {}

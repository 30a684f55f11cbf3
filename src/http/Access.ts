/** What a request needs a token for: `read`, `write` or `admin`. Without tokens the service trusts whoever reaches it. */
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import { Context, Schema } from "effect"
import * as Problem from "./Problem.ts"

/** Each includes those before it. */
export const scopes = ["read", "write", "admin"] as const
export const Scope = Schema.Literal(...scopes)
export type Scope = typeof Scope.Type

/** Who sent the request: the name of its token, null where the service has none. */
export class Caller extends Context.Tag("daybook/http/Access/Caller")<Caller, { readonly name: string | null }>() {}

const options = {
  provides: Caller,
  failure: Schema.Union(
    Problem.schema("unauthorized"),
    Problem.schema("forbidden"),
    Problem.schema("too-many-requests")
  ),
  security: {
    bearer: HttpApiSecurity.annotate(
      HttpApiSecurity.bearer,
      OpenApi.Description,
      "A token of the service. A service that only its own machine reaches may have none, and asks for none."
    )
  }
} as const

export class Read extends HttpApiMiddleware.Tag<Read>()("daybook/http/Access/Read", options) {}
export class Write extends HttpApiMiddleware.Tag<Write>()("daybook/http/Access/Write", options) {}
export class Admin extends HttpApiMiddleware.Tag<Admin>()("daybook/http/Access/Admin", options) {}

/**
 * What a request needs a token for: `read`, `write` or `admin`. Without tokens the service trusts anyone who reaches
 * it.
 *
 * A token may be for some aggregates alone. Then it reaches only what an endpoint says that it is about, by `About`: an
 * endpoint that says nothing is not for such a token.
 */
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import { Context, Schema } from "effect"
import { Principal } from "../core/Principal.ts"
import * as Problem from "./Problem.ts"

/** Each includes those before it. */
export const scopes = ["read", "write", "admin"] as const
export const Scope = Schema.Literal(...scopes)
export type Scope = typeof Scope.Type

/** Ids of aggregates by the aggregates' names. */
export type Aggregates = ReadonlyMap<string, ReadonlySet<string>>

/** The one aggregate that a request is about. */
export interface Subject {
  /** Its name, or the parameter of the path that has it. */
  readonly aggregate: string | { readonly parameter: string }
  /** The parameter of the path that has its id. */
  readonly id: string
}

/**
 * What an endpoint is about, for tokens that are for some aggregates: one aggregate; or `handler`, where the handler
 * asks `Reach.concerns` or returns only what the caller may see. An annotation of the endpoint.
 */
export class About extends Context.Reference<About>()("daybook/http/Access/About", {
  defaultValue: (): Subject | "handler" | null => null
}) {}

const options = {
  provides: Principal,
  failure: Schema.Union(
    Problem.schema("unauthorized"),
    Problem.schema("forbidden"),
    Problem.schema("foreign-page"),
    Problem.schema("too-many-requests")
  ),
  security: {
    bearer: HttpApiSecurity.annotate(
      HttpApiSecurity.bearer,
      OpenApi.Description,
      "A token of the service. A service that only its own machine reaches may have none, and asks for none. A browser may sign in instead, by `PUT /session`, and then sends the cookie `daybook-session`."
    )
  }
} as const

/** On an endpoint: its caller's token needs the scope `read`. */
export class Read extends HttpApiMiddleware.Tag<Read>()("daybook/http/Access/Read", options) {}

/** On an endpoint: its caller's token needs the scope `write`. */
export class Write extends HttpApiMiddleware.Tag<Write>()("daybook/http/Access/Write", options) {}

/** On an endpoint: its caller's token needs the scope `admin`. */
export class Admin extends HttpApiMiddleware.Tag<Admin>()("daybook/http/Access/Admin", options) {}

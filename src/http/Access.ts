/**
 * What a request needs a token for: `read`, `write` or `admin`. Without tokens the service trusts whoever reaches it.
 *
 * A token may be for some aggregates alone. Then it reaches only what an endpoint says that it is about, by `About`: an endpoint that
 * says nothing is not for such a token.
 */
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import { Context, Effect, Schema } from "effect"
import { Principal } from "../core/Principal.ts"
import * as Problem from "./Problem.ts"
import * as Session from "./Session.ts"

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
 * What an endpoint is about, for tokens that are for some aggregates: one of them; or `handler`, whose handler asks `concerns` or
 * gives only what the caller may see. An annotation of the endpoint.
 */
export class About extends Context.Reference<About>()("daybook/http/Access/About", {
  defaultValue: (): Subject | "handler" | null => null
}) {}

const outOfReach = () =>
  new Problem.Problem("forbidden", { detail: "The token is for some aggregates alone, and not for this request." })

/** Whether a token with these aggregates is for this one. */
export const reaches = (aggregates: Aggregates | null, aggregate: string, id: string): boolean =>
  aggregates === null || aggregates.get(aggregate)?.has(id) === true

/** Fails where the caller's token is not for this aggregate. */
export const concerns = (aggregate: string, id: string): Effect.Effect<void, Problem.Problem<"forbidden">> =>
  Effect.flatMap(Session.CurrentSession, (session) => {
    if (reaches(session.caller?.aggregates ?? null, aggregate, id)) return Effect.void
    session.refused = "aggregate"
    return Effect.fail(outOfReach())
  })

/** Fails where the caller's token is not for what its endpoint is about, with these parameters of the path. */
export const concernsSubject = (
  parameters: Readonly<Record<string, string | undefined>>
): Effect.Effect<void, Problem.Problem<"forbidden">> =>
  Effect.flatMap(Session.CurrentSession, ({ caller, route }) => {
    const about = route?.about ?? null
    if (caller === null || caller.aggregates === null || about === "handler") return Effect.void
    if (about === null) return concerns("", "")
    const { aggregate, id } = about
    const name = typeof aggregate === "string" ? aggregate : parameters[aggregate.parameter]
    return concerns(name ?? "", parameters[id] ?? "")
  })

const options = {
  provides: Principal,
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

/** What a request needs a token for: `read`, `write` or `admin`. Without tokens the service trusts whoever reaches it. */
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import { Schema } from "effect"
import * as Problem from "./Problem.ts"

/** Each includes those before it. */
export const scopes = ["read", "write", "admin"] as const
export const Scope = Schema.Literal(...scopes)
export type Scope = typeof Scope.Type

const options = {
  failure: Schema.Union(Problem.schema("unauthorized"), Problem.schema("forbidden")),
  security: { bearer: HttpApiSecurity.bearer }
} as const

export class Read extends HttpApiMiddleware.Tag<Read>()("daybook/http/Access/Read", options) {}
export class Write extends HttpApiMiddleware.Tag<Write>()("daybook/http/Access/Write", options) {}
export class Admin extends HttpApiMiddleware.Tag<Admin>()("daybook/http/Access/Admin", options) {}

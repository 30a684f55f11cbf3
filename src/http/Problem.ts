/**
 * `Problem` is every error that a service answers, with the problem details of RFC 9457 made from it: those of the table below,
 * which any service may answer, and those that an application defines beside them.
 *
 * A client switches on `code`. `docs/reference/errors.md` has each of them with what to do, and a test compares the two.
 */
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import { Schema } from "effect"

interface Definition {
  readonly status: number
  /** What happened, in one sentence; the same for each occurrence. */
  readonly title: string
  /** Seconds after which the same request may fare better. */
  readonly retryAfter?: number
}

/** A code with what it means. */
export interface Kind<out C extends string = string> extends Definition {
  readonly code: C
}
export type Kinds<C extends string> = { readonly [K in C]: Kind<K> }

/** The kinds of problem of a table, by their codes. */
export const define = <C extends string>(table: Readonly<Record<C, Definition>>): Kinds<C> =>
  Object.fromEntries(
    Object.entries<Definition>(table).map(([code, definition]) => [code, { code, ...definition }])
  ) as Kinds<C>

export const codes = define({
  "invalid-request": { status: 400, title: "The request does not fit the contract." },
  "invalid-parameter": { status: 400, title: "The query has a parameter that is unknown, or one twice." },
  "if-match-not-applicable": {
    status: 400,
    title: "The request is not about one thing whose version If-Match could name."
  },
  "malformed-json": { status: 400, title: "The body is not the JSON that the contract asks for." },
  "invalid-cursor": { status: 400, title: "The cursor was not made for this query of this log." },
  unauthorized: { status: 401, title: "The request has no bearer token, or one that is not known." },
  forbidden: { status: 403, title: "The token's scope does not cover the request." },
  "foreign-page": { status: 403, title: "The request looks as if a web page of somebody else had made it." },
  "route-not-found": { status: 404, title: "There is no such resource." },
  "aggregate-not-found": { status: 404, title: "Nothing has happened to this aggregate: it has no state to show." },
  "command-not-found": {
    status: 404,
    title: "No command to this aggregate is stored under this id."
  },
  "version-not-found": { status: 404, title: "There never was this version, or none at this time." },
  "projection-not-found": { status: 404, title: "There is no such projection." },
  "method-not-allowed": { status: 405, title: "The resource does not take this method." },
  "request-timeout": { status: 408, title: "The request took too long to arrive." },
  "position-ahead": { status: 409, title: "The position is beyond the end of the log." },
  "nothing-to-do": { status: 409, title: "There is nothing that the request could be about." },
  "wrong-kind": { status: 409, title: "What is asked for is not for a projection, or not for a reaction." },
  "version-mismatch": { status: 412, title: "What is asked for has moved on from the version in If-Match." },
  "body-too-large": { status: 413, title: "The body is larger than 64 KiB." },
  "unsupported-media-type": { status: 415, title: "The body is not sent as application/json." },
  "idempotency-key-reused": { status: 422, title: "The idempotency key was used before for another request." },
  "too-many-requests": { status: 429, title: "The token has sent as many requests as it may.", retryAfter: 1 },
  "headers-too-large": { status: 431, title: "The header fields are larger than 16 KiB." },
  internal: { status: 500, title: "The service failed in a way that it does not foresee." },
  "data-damaged": { status: 500, title: "What is stored cannot be read as it was written." },
  "answer-unreadable": {
    status: 500,
    title: "The command was done before, and its kept answer is not one that this release can read."
  },
  "method-not-implemented": { status: 501, title: "No resource takes this method: the service is no proxy." },
  "newer-release": { status: 503, title: "A newer release has stored what this one cannot read.", retryAfter: 5 },
  "aggregate-busy": { status: 503, title: "Too many commands wait for this aggregate.", retryAfter: 1 },
  "too-many-waits": { status: 503, title: "As many requests wait as may.", retryAfter: 1 },
  "too-many-subscribers": { status: 503, title: "As many clients follow the feed as may.", retryAfter: 5 },
  "store-unavailable": { status: 503, title: "The store cannot be used at present; nothing was done.", retryAfter: 2 },
  "outcome-unknown": { status: 503, title: "The command was stored or not: the commit did not answer.", retryAfter: 2 },
  "view-behind": {
    status: 503,
    title: "The read model has not reached the position that was asked for.",
    retryAfter: 1
  },
  "not-ready": { status: 503, title: "The service cannot take commands at present.", retryAfter: 2 },
  "shutting-down": { status: 503, title: "The service is stopping and takes no new requests.", retryAfter: 2 }
})
export type Code = keyof typeof codes

const kindOf = <C extends string>(what: (C & Code) | Kind<C>): Kind<C> =>
  // A code of the table has the kind of its own name.
  typeof what === "string" ? (codes[what] as Kind as Kind<C>) : what

/** A place in the request, as `amount`, and what is wrong there. */
export const FieldError = Schema.Struct({ path: Schema.String, reason: Schema.String })
export type FieldError = typeof FieldError.Type

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

/** The body of a problem, as a schema. */
export const body = (code: string, status: number) =>
  Schema.Struct({
    type: Schema.String,
    title: Schema.String,
    status: Schema.Literal(status),
    detail: Schema.String,
    instance: Schema.String.annotations({ description: "the path of the request" }),
    code: Schema.Literal(code),
    errors: optional(Schema.Array(FieldError)).annotations({ description: "where the request does not fit" }),
    commandId: optional(Schema.String).annotations({
      description: "of every command: send it as Idempotency-Key to try the same command again"
    }),
    correlationId: optional(Schema.String).annotations({ description: "of every 5xx: the same as in the server's log" })
  })
export type Body = Schema.Schema.Type<ReturnType<typeof body>>

export interface Details {
  /** What happened this time. Default: the code's title. */
  readonly detail?: string
  readonly errors?: ReadonlyArray<FieldError>
  /** Header fields of the answer beside those of every problem. */
  readonly headers?: Readonly<Record<string, string>>
  /** Why, for the log alone. */
  readonly cause?: unknown
  /** As a client reads it. */
  readonly body?: Body
}

/** An error with its code as tag, so that `Effect.catchTag("view-behind", …)` works on both sides of the wire. */
export class Problem<C extends string = string> extends Error {
  readonly _tag: C
  readonly code: C
  readonly kind: Kind<C>
  readonly status: number
  readonly detail: string
  readonly errors: ReadonlyArray<FieldError>
  readonly headers: Readonly<Record<string, string>>
  readonly body: Body | undefined

  /** `what` is one of the codes above, or a kind that an application defines. */
  constructor(what: (C & Code) | Kind<C>, details: Details = {}) {
    const kind = kindOf<C>(what)
    const { code, title, status } = kind
    super(details.detail ?? title, { cause: details.cause })
    this.name = code
    this._tag = code
    this.code = code
    this.kind = kind
    this.status = status
    this.detail = details.detail ?? title
    this.errors = details.errors ?? []
    this.headers = details.headers ?? {}
    this.body = details.body
  }

  /** The same with some details added. */
  with(details: Details): Problem<C> {
    const { body, cause, detail, errors, headers } = this
    return new Problem(this.kind, { detail, errors, headers, cause, ...(body !== undefined && { body }), ...details })
  }
}

/** The body of the answer to this problem. */
export const toBody = (
  { code, detail, errors, kind, status }: Problem,
  where: {
    readonly instance: string
    readonly commandId?: string | undefined
    readonly correlationId?: string | undefined
  }
): Body => ({
  type: `urn:daybook:problem:${code}`,
  title: kind.title,
  status,
  detail,
  instance: where.instance,
  code,
  ...(errors.length > 0 && { errors }),
  ...(where.commandId !== undefined && { commandId: where.commandId }),
  ...(where.correlationId !== undefined && { correlationId: where.correlationId })
})

export const contentType = "application/problem+json"

const pascal = (code: string): string => code.replace(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase())

/** The problem of one code, as endpoints declare it: with its status, and read back as a `Problem`. */
export const schema = <C extends string>(what: (C & Code) | Kind<C>) => {
  const kind = kindOf<C>(what)
  const { code, status, title } = kind
  const encoded = body(code, status)
  const example = toBody(new Problem(kind), { instance: "/" })
  return Schema.transform(
    encoded.annotations({ identifier: pascal(code), description: title, examples: [example] }),
    Schema.declare((value): value is Problem<C> => value instanceof Problem && value.code === code),
    {
      strict: true,
      decode: (read) => new Problem(kind, { detail: read.detail, errors: read.errors ?? [], body: read }),
      encode: (problem) => problem.body ?? toBody(problem, { instance: "" })
    }
  )
    .annotations(HttpApiSchema.annotations({ status }))
    .pipe(HttpApiSchema.withEncoding({ kind: "Json", contentType }))
}

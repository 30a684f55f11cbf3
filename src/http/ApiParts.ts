/**
 * `ApiParts` is what endpoints of any contract are made of: parameters, header fields, and the problems that all
 * requests share.
 */
import { Context, Schema } from "effect"
import * as UtcTimeText from "../core/UtcTimeText.ts"
import * as Problem from "./Problem.ts"

/** A field that may be missing, and is not undefined. */
export const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

/** A whole number as it stands in a URL: digits alone, of which a double holds each. */
export const digits = (least: number, most: number = Number.MAX_SAFE_INTEGER) =>
  Schema.transform(
    Schema.String.pipe(
      Schema.pattern(/^\d{1,16}$/, { message: () => `is a whole number from ${least} to ${most}` }),
      Schema.annotations({ jsonSchema: { type: "integer", minimum: least, maximum: most } })
    ),
    Schema.Number.pipe(
      Schema.filter((value) => value >= least && value <= most, {
        message: () => `is a whole number from ${least} to ${most}`
      })
    ),
    { strict: true, decode: Number, encode: String }
  )

/** A time of RFC 3339 in UTC that exists. */
export const UtcTime = Schema.String.pipe(
  Schema.filter(UtcTimeText.isTime, {
    message: () => `is ${UtcTimeText.expected}`,
    jsonSchema: { format: "date-time" }
  })
)

/** Entries of a page when the request does not say. */
export const defaultLimit = 100
export const limit = optional(digits(1, 1_000))
export const after = optional(digits(0))
export const minPosition = optional(digits(0))
export const IdempotencyKey = Schema.String.pipe(
  Schema.pattern(/^[\x20-\x7e]{1,255}$/, { message: () => "is 1 to 255 printable ASCII characters" })
).annotations({ description: "The command's id: the same request with the same key has one effect and one answer." })

/**
 * `"7"` or `"7.2"`: the version of what it is about, as `ETag` has it. What stands behind the point is not compared.
 */
export const VersionTag = Schema.transform(
  Schema.String.pipe(
    Schema.pattern(/^"(?:0|[1-9]\d{0,14})(?:\.[A-Za-z0-9_-]{1,64})?"$/, {
      message: () => 'is a version in quotes, such as "7" or "7.2"'
    })
  ),
  Schema.Int,
  { strict: true, decode: (tag) => Number.parseInt(tag.slice(1), 10), encode: (version) => `"${version}"` }
).annotations({ description: "Only when it has this version; else 412." })

export const keyed = Schema.Struct({ "idempotency-key": optional(IdempotencyKey) })
export const keyedAndMatched = Schema.Struct({ ...keyed.fields, "if-match": optional(VersionTag) })

/**
 * An id that can stand in a URL, where `.` and `..` are steps. Not a rule of the domain: an earlier release may have
 * stored one.
 */
export const inPath = <A extends string, I, R>(schema: Schema.Schema<A, I, R>) =>
  schema.pipe(
    Schema.filter((id) => id !== "." && id !== "..", {
      message: () => "is a step in a path, not an id",
      jsonSchema: { not: { enum: [".", ".."] } }
    })
  )

/**
 * Which header fields an endpoint's answers have, for the document: those of a command's answer, those of an operator's
 * request (a command's without a version), `Location` of what was made, `ETag` of what was read. `HttpApi` has no place
 * for them. An annotation of the endpoint.
 */
export class AnswerFields extends Context.Reference<AnswerFields>()("daybook/http/AnswerFields", {
  defaultValue: (): ReadonlyArray<"command" | "operation" | "location" | "etag"> => []
}) {}

/** A field that the contract does not have is an error. */
export const strict = { parseOptions: { onExcessProperty: "error", errors: "all" } } as const

/** What a request meets that never comes to its handler. */
export const always = Schema.Union(
  Problem.schema("invalid-request"),
  Problem.schema("invalid-parameter"),
  Problem.schema("foreign-page"),
  Problem.schema("request-timeout"),
  Problem.schema("headers-too-large"),
  Problem.schema("internal")
)
/** What a command may meet that is not about one thing with a version. */
export const inapplicable = Problem.schema("if-match-not-applicable")
/** What a request may meet that may wait. */
export const waiting = Problem.schema("too-many-waits")
/** What any request may meet. */
export const every = Schema.Union(
  always,
  Problem.schema("store-unavailable"),
  Problem.schema("data-damaged"),
  Problem.schema("newer-release"),
  Problem.schema("shutting-down")
)
/** What any command may meet. */
export const everyCommand = Schema.Union(
  every,
  Problem.schema("malformed-json"),
  Problem.schema("body-too-large"),
  Problem.schema("unsupported-media-type"),
  Problem.schema("idempotency-key-reused"),
  Problem.schema("answer-unreadable"),
  Problem.schema("outcome-unknown")
)

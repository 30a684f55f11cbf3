/** `ApiParts` is what endpoints of any contract are made of: parameters, header fields, and the problems that all requests share. */
import { Context, Schema } from "effect"
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

/** Entries of a page when the request does not say. */
export const defaultLimit = 100
export const limit = optional(digits(1, 1_000))
export const after = optional(digits(0))
export const minPosition = optional(digits(0))
export const IdempotencyKey = Schema.String.pipe(
  Schema.pattern(/^[\x20-\x7e]{1,255}$/, { message: () => "is 1 to 255 printable ASCII characters" })
).annotations({ description: "The command's id: the same request with the same key has one effect and one answer." })

/** `"7"`: the version of what it is about, as `ETag` has it. */
export const VersionTag = Schema.transform(
  Schema.String.pipe(
    Schema.pattern(/^"(?:0|[1-9]\d{0,14})"$/, { message: () => 'is a version in quotes, such as "7"' })
  ),
  Schema.Int,
  { strict: true, decode: (tag) => Number(tag.slice(1, -1)), encode: (version) => `"${version}"` }
).annotations({ description: "Only when it has this version; else 412." })

export const keyed = Schema.Struct({ "idempotency-key": optional(IdempotencyKey) })
export const keyedAndMatched = Schema.Struct({ ...keyed.fields, "if-match": optional(VersionTag) })

/**
 * Which header fields an endpoint's answers have, for the document: those of a command's answer, `Location` of what was made,
 * `ETag` of what was read. `HttpApi` has no place for them. An annotation of the endpoint.
 */
export class AnswerFields extends Context.Reference<AnswerFields>()("daybook/http/AnswerFields", {
  defaultValue: (): ReadonlyArray<"command" | "location" | "etag"> => []
}) {}

/** A field that the contract does not have is an error and no oversight. */
export const strict = { parseOptions: { onExcessProperty: "error", errors: "all" } } as const

/** What any request may meet. */
export const every = Schema.Union(
  Problem.schema("invalid-request"),
  Problem.schema("store-unavailable"),
  Problem.schema("data-damaged"),
  Problem.schema("foreign-page"),
  Problem.schema("internal"),
  Problem.schema("shutting-down")
)
/** What any command may meet. */
export const everyCommand = Schema.Union(
  every,
  Problem.schema("malformed-json"),
  Problem.schema("request-timeout"),
  Problem.schema("body-too-large"),
  Problem.schema("unsupported-media-type"),
  Problem.schema("idempotency-key-reused"),
  Problem.schema("answer-unreadable"),
  Problem.schema("outcome-unknown")
)

/**
 * `SchemaPath` says where a value does not fit its schema, and never what stands there: that may be an amount or an
 * owner.
 */
import { ParseResult } from "effect"

/** The first place where a value did not fit, as `lines.0.amount`; empty when it is the whole value. */
export const of = (error: ParseResult.ParseError): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error)[0]?.path.map(String).join(".") ?? ""

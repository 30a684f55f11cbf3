/**
 * `Refusal` is a command's own error as a problem: its code is the error's tag, its status as the application says, and
 * its stored form stands beside, so that a client can decode the error that a caller in the process would get.
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { Published } from "../projection/Published.ts"
import * as Problem from "./Problem.ts"

/** `TankFull` is `tank-full`. */
export const codeOf = (tag: string): string =>
  tag
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1-$2")
    .toLowerCase()

const tagOf = (error: unknown): string => {
  const tag = typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined
  return typeof tag === "string" ? tag : "Refused"
}

export interface Occurrence {
  readonly command: string
  readonly commandId: string
  /** Path of the request. */
  readonly instance: string
  /** The error, and the JSON of its stored form. */
  readonly error: unknown
  readonly stored: string
  readonly headers: Readonly<Record<string, string>>
}

export const response = (
  { name, statusOf }: Published,
  { command, commandId, error, headers, instance, stored }: Occurrence
): HttpServerResponse.HttpServerResponse => {
  const tag = tagOf(error)
  const code = codeOf(tag)
  const title = `${name} refused ${command}: ${tag}.`
  const said = error instanceof Error && error.message !== "" ? error.message : title
  const kind = { code, title, status: statusOf(tag) }
  const body = Problem.toBody(new Problem.Problem(kind, { detail: said }), { instance, commandId })
  return HttpServerResponse.text(JSON.stringify({ ...body, error: stored === "" ? null : JSON.parse(stored) }), {
    status: kind.status,
    contentType: Problem.contentType,
    headers
  })
}

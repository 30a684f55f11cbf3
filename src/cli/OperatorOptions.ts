/** What operators give with each verb: who they are, why they do it, and a key under which it is done once. */
import { userInfo } from "node:os"
import * as Options from "@effect/cli/Options"
import { Option } from "effect"
import type * as Operation from "../core/Operation.ts"
import * as Output from "./Output.ts"

/** Who is logged in; none where the system does not know its user. */
const login = (): string | null => {
  try {
    return userInfo().username
  } catch {
    return null
  }
}

const text = (name: string, description: string) =>
  Options.text(name).pipe(Options.optional, Options.withDescription(description))

export const options = {
  by: text("by", "who does it, for the journal; default: who is logged in"),
  reason: text("reason", "why, for the journal"),
  key: text("key", "the same operation under the same key is done once")
}

interface Given {
  readonly by: Option.Option<string>
  readonly reason: Option.Option<string>
  readonly key: Option.Option<string>
}

export const toBy = ({ by, key, reason }: Given): Operation.By => ({
  principal: Option.getOrElse(by, login),
  reason: Option.getOrNull(reason),
  key: Option.getOrNull(key)
})

/** What an operator is shown of an operation that is done. */
export const told = ({ replayed }: Operation.Done, text: string): string =>
  replayed ? `${text} (done before, under this key)` : text

/** Who took something out, and why, as far as is known. */
export const whoAndWhy = ({
  principal,
  reason
}: {
  readonly principal: string | null
  readonly reason: string | null
}): string => {
  const who = principal === null ? "" : ` by ${Output.plain(principal)}`
  return reason === null ? who : `${who} (${Output.plain(reason)})`
}

/** The aggregates that this program knows, for verbs that read any stream. */
import { Account } from "../bank/account/Account.ts"
import * as AccountBehaviour from "../bank/account/AccountBehaviour.ts"
import { Transfer } from "../bank/transfer/Transfer.ts"
import * as TransferBehaviour from "../bank/transfer/TransferBehaviour.ts"
import type { AnyDefinition } from "../core/Definition.ts"

const definitions: ReadonlyArray<AnyDefinition> = [
  Account.define(AccountBehaviour.behaviour),
  Transfer.define(TransferBehaviour.behaviour)
]

/** The aggregate whose stream it is, by the name before the id. */
export const ofStream = (streamId: string): AnyDefinition | undefined =>
  definitions.find((definition) => streamId.startsWith(definition.streamId("")))

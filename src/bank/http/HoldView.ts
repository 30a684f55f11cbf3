/** The open holds of an account as clients see them, and the tag of an answer that depends on which are open. */
import type { Committed } from "../../core/Definition.ts"
import type { AccountState } from "../account/Account.ts"
import * as AccountBehaviour from "../account/AccountBehaviour.ts"
import type { HoldView } from "./AccountBodies.ts"

/** The account without the holds that have expired at this time. */
export const openAt = (state: AccountState, now: number): AccountState => AccountBehaviour.expire(state, now).account

export const make = (
  account: AccountState,
  { amount, expiresAt, holdId }: AccountState["holds"][number]
): HoldView => ({
  holdId,
  amount: AccountBehaviour.show(account, amount),
  ...(expiresAt !== null && { expiresAt: new Date(expiresAt).toISOString() })
})

/**
 * The version, and how many holds are open, if any. At one version holds only end, in the order of their times, so that
 * their number says which are left.
 */
export const tag = ({ version }: Committed<unknown>, { holds }: Pick<AccountState, "holds">): string =>
  holds.length === 0 ? `"${version}"` : `"${version}.${holds.length}"`

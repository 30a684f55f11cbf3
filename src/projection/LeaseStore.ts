/**
 * `LeaseStore` is the port to which process runs what: the lease of each projection or reaction, and the heartbeat of
 * the process that runs the projections of the database. Leases go by the clock of the database; see `Lease.ts` for
 * their use.
 */
import { Context, type Duration, type Effect } from "effect"
import type { StoreUnavailable } from "../core/StoreError.ts"
import type { Written } from "./Model.ts"

/** Who runs a projection or reaction, so that of many processes one does. */
export class LeaseStore extends Context.Tag("daybook/projection/LeaseStore")<
  LeaseStore,
  {
    /**
     * Takes the right to run this projection or reaction, or keeps it, for this long from now by the clock of the
     * database. Returns whether it was free, expired, or the owner's own.
     */
    readonly lease: (name: string, owner: string, duration: Duration.DurationInput) => Written<boolean>
    /** Whether somebody has it now. */
    readonly isHeld: (name: string) => Effect.Effect<boolean, StoreUnavailable>
    /** Gives it back, where the owner has it. */
    readonly endLease: (name: string, owner: string) => Written
    /** Says that a process runs the projections of this database now. */
    readonly beat: (owner: string) => Written
    /** When a process last said so, and which; null where none ever did or the last one stopped in order. */
    readonly host: Effect.Effect<{ readonly owner: string; readonly beatAt: number } | null, StoreUnavailable>
    /** Says that this process no longer does. */
    readonly leave: (owner: string) => Written
  }
>() {}

/**
 * Every suite, by what it is run on; the files that a list names hold its cases by promise. A store's or a system's author runs
 * each case of the lists that apply with fresh, empty stores, by any test runner: a case fails by dying.
 */
import { Batches } from "./actor/Batches.ts"
import { Bytes } from "./actor/Bytes.ts"
import { Clock } from "./actor/Clock.ts"
import { Conflicts } from "./actor/Conflicts.ts"
import { Defects } from "./actor/Defects.ts"
import { HeldAnswers } from "./actor/HeldAnswers.ts"
import { HeldData } from "./actor/HeldData.ts"
import { OldAnswers } from "./actor/OldAnswers.ts"
import { Recoveries } from "./actor/Recoveries.ts"
import { Recovery } from "./actor/Recovery.ts"
import { Releases } from "./actor/Releases.ts"
import { Residency } from "./actor/Residency.ts"
import { Retries } from "./actor/Retries.ts"
import { Shutdown } from "./actor/Shutdown.ts"
import { Snapshots } from "./actor/Snapshots.ts"
import { Batches as ModelBatches } from "./projection/Batches.ts"
import { Checkpoints } from "./projection/Checkpoints.ts"
import { DeadLetters } from "./projection/DeadLetters.ts"
import { EventOwners } from "./projection/EventOwners.ts"
import { Failures } from "./projection/Failures.ts"
import { Names } from "./projection/Names.ts"
import { OldEvents } from "./projection/OldEvents.ts"
import { Progress } from "./projection/Progress.ts"
import { Reasons } from "./projection/Reasons.ts"
import { Rebuilds } from "./projection/Rebuilds.ts"
import { Restores } from "./projection/Restores.ts"
import { Swaps } from "./projection/Swaps.ts"
import { Memory } from "./reaction/Memory.ts"
import { Reactions } from "./reaction/Reactions.ts"
import { Appends } from "./store/Appends.ts"
import { Commands } from "./store/Commands.ts"
import { Reads } from "./store/Reads.ts"
import { Subscriptions } from "./subscription/Subscriptions.ts"
import { Tail } from "./subscription/Tail.ts"

export { OldEvents as UpcastConformance } from "./actor/OldEvents.ts"
export { Principals as PrincipalConformance } from "./actor/Principals.ts"
export { OperationAtomicity, Operations as OperationConformance } from "./projection/Operations.ts"
export { Operators as OperatorConformance } from "./projection/Operators.ts"
export { RollingDeployConformance } from "./projection/RollingDeploy.ts"
export { VerifiedModels as VerifiedReadSideConformance } from "./projection/VerifiedModels.ts"
export { Births as BirthConformance } from "./reaction/Births.ts"
export { Timers as TimerConformance } from "./reaction/Timers.ts"
export { JournalEntries as JournalConformance } from "./store/JournalEntries.ts"
export { SavedSnapshots as SnapshotStoreConformance } from "./store/SavedSnapshots.ts"
export { VerifiedLog as VerifiedLogConformance } from "./store/VerifiedLog.ts"

/** What an `EventStore` promises; its journal's promises are in `JournalConformance`. */
export const EventStoreConformance = [...Appends, ...Reads, ...Commands]

/** What an `ActorSystem` promises of an aggregate that counts. */
export const ActorSystemConformance = [
  ...Batches,
  ...Conflicts,
  ...Recovery,
  ...Residency,
  ...Defects,
  ...Retries,
  ...Snapshots,
  ...Clock,
  ...Shutdown
]

/** What an `ActorSystem` promises of commands and answers as data: across releases, and as their text reads. */
export const CommandConformance = [...Releases, ...OldAnswers, ...HeldAnswers, ...HeldData]

/** What a store and a system hold in memory is bounded in bytes. */
export const BytesConformance = [...Recoveries, ...Bytes]

/** What the runner of projections and the store under it promise. */
export const ProjectionConformance = [
  ...EventOwners,
  ...Failures,
  ...DeadLetters,
  ...Checkpoints,
  ...Progress,
  ...Rebuilds,
  ...OldEvents,
  ...ModelBatches
]

/** What the read side promises beside others on its database. */
export const ReadSideConformance = [...Names, ...Swaps, ...Reasons, ...Restores]

/** What a reaction keeps, and what a process remembers. */
export const ReactionConformance = [...Reactions, ...Memory]

export const SubscriptionConformance = [...Subscriptions, ...Tail]

/** Actor systems with one fault each, for the rules of `ActorSystemConformance`. */
import type { Needs } from "./ActorMutant.ts"
import { batches, conflicts } from "./BatchMutants.ts"
import type { Mutant } from "./Mutant.ts"
import { recoveries, residency, snapshots } from "./RecoveryMutants.ts"
import { clocks, defects, retries, stops } from "./RetryMutants.ts"

export const ActorSystemMutants: ReadonlyArray<Mutant<Needs>> = [
  ...batches,
  ...conflicts,
  ...recoveries,
  ...residency,
  ...defects,
  ...retries,
  ...snapshots,
  ...clocks,
  ...stops
]

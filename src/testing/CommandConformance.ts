/** The promises about commands and answers as data, as cases for every store and every actor system. */
import type { ActorSystemCase } from "./ActorSystemConformance.ts"
import { HeldData } from "./actor/HeldData.ts"
import { Releases } from "./actor/Releases.ts"

export const CommandConformance: ReadonlyArray<ActorSystemCase> = [...Releases, ...HeldData]

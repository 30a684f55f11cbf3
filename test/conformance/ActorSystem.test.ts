/** The suites of `ActorSystem` and of its commands on every store. */
import { Neighbours } from "../../src/testing/actor/Neighbours.ts"
import {
  ActorSystemConformance,
  BytesConformance,
  CommandConformance,
  PrincipalConformance
} from "../../src/testing/Suites.ts"
import { onEach, stores } from "./stores.ts"

onEach("ActorSystemLocal", stores, [
  ...ActorSystemConformance,
  ...Neighbours,
  ...CommandConformance,
  ...BytesConformance,
  ...PrincipalConformance
])

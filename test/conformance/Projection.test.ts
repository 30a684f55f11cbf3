/** The suites of projections, subscriptions and reactions on every store that has a read side. */
import { ProjectionConformance, ReactionConformance, SubscriptionConformance } from "../../src/testing/Suites.ts"
import { onEach, readSides } from "./stores.ts"

onEach("projections", readSides, [...ProjectionConformance, ...SubscriptionConformance, ...ReactionConformance])

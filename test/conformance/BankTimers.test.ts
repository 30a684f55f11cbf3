/** The timers of the bank on every store. "On memory" is `sqlite::memory:`, which has read models too. */
import { BankTimerConformance } from "../../src/bank/testing/BankTimers.ts"
import { databases, onEach } from "./stores.ts"

onEach("the bank's timers", databases, BankTimerConformance)

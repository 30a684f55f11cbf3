/** What a show decides. Its answers are the number of seats that are free. */
import type { Aggregate } from "daybook"
import { Application } from "daybook/projection"
import { Either } from "effect"
import {
  AlreadyOpen,
  Cancelled,
  NotOnSale,
  Opened,
  SeatsFreed,
  SeatsTaken,
  Show,
  type ShowState,
  SoldOut
} from "./Show.js"

const free = ({ seats, taken }: ShowState): number => taken.reduce((left, each) => left - each.seats, seats)

export const behaviour: Aggregate.BehaviourOf<typeof Show> = {
  decide: {
    Open: (command, { status }) =>
      status === "none" ? Either.right([Opened.make(command)]) : Either.left(new AlreadyOpen()),
    Take: (command, state) => {
      if (state.status !== "open") return Either.left(new NotOnSale())
      return command.seats > free(state)
        ? Either.left(new SoldOut({ free: free(state) }))
        : Either.right([SeatsTaken.make(command)])
    },
    Free: ({ reservation }, { taken }) => {
      const held = taken.find((each) => each.reservation === reservation)
      return Either.right(held === undefined ? [] : [SeatsFreed.make(held)])
    },
    Cancel: (command, { status }) =>
      status === "open" ? Either.right([Cancelled.make(command)]) : Either.left(new NotOnSale())
  },
  evolve: {
    Opened: (state, { seats }) => ({ ...state, status: "open", seats }),
    SeatsTaken: (state, { reservation, seats }) => ({ ...state, taken: [...state.taken, { reservation, seats }] }),
    SeatsFreed: (state, { reservation }) => ({
      ...state,
      taken: state.taken.filter((each) => each.reservation !== reservation)
    }),
    Cancelled: (state) => ({ ...state, status: "cancelled" })
  },
  reply: { Open: free, Take: free, Free: free, Cancel: free }
}

/** `Take` and `Free` are not public: the reaction alone sends them. */
export const show = Application.aggregate(Show, behaviour, { public: ["Open", "Cancel"] })

/**
 * `Resource` is what a view shows of an answer: that it is awaited, what it is, or why there is none. What was shown
 * before stays while newer is awaited, and is marked as stale where newer could not be had.
 */
import { useCallback, useEffect, useRef, useState } from "preact/hooks"
import * as Api from "./Api.ts"

export interface Resource<A> {
  readonly value: A | undefined
  readonly problem: Api.Problem | undefined
  /** When the value was had. */
  readonly at: number | undefined
  readonly again: () => void
}

interface State<A> {
  /** What the value belongs to. */
  readonly path: string | null
  readonly value: A | undefined
  readonly problem: Api.Problem | undefined
  readonly at: number | undefined
}

const nothing = { value: undefined, problem: undefined, at: undefined }

/**
 * What the path answers, asked again at this interval, in milliseconds, while somebody looks. A path of null asks for
 * nothing.
 */
export const useResource = <A>(path: string | null, every = 0): Resource<A> =>
  useLoaded(path, (signal) => Api.get<A>(path ?? "", signal), every)

/** The same of what several requests give together; `path` names it. */
export const useLoaded = <A>(path: string | null, ask: (signal: AbortSignal) => Promise<A>, every = 0): Resource<A> => {
  const [state, setState] = useState<State<A>>({ path, ...nothing })
  const [round, setRound] = useState(0)
  useEffect(() => {
    if (path === null) return
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const load = async (): Promise<void> => {
      try {
        const value = await ask(abort.signal)
        if (!abort.signal.aborted) setState({ path, value, problem: undefined, at: Date.now() })
      } catch (error) {
        if (abort.signal.aborted) return
        const problem = Api.problemOf(error)
        setState((before) => (before.path === path ? { ...before, problem } : { path, ...nothing, problem }))
      }
      if (every > 0 && !abort.signal.aborted) timer = setTimeout(next, every)
    }
    /** A page that nobody looks at asks for nothing. */
    const next = (): void => {
      if (document.hidden) timer = setTimeout(next, every)
      else void load()
    }
    void load()
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  }, [path, every, round])
  const again = useCallback(() => setRound((count) => count + 1), [])
  return state.path === path ? { ...state, again } : { ...nothing, again }
}

/** The last values of something that is asked again and again, oldest first. */
export const useHistory = <A>(value: A | undefined, key: number | undefined, most: number): ReadonlyArray<A> => {
  const kept = useRef<{ key: number | undefined; values: ReadonlyArray<A> }>({ key: undefined, values: [] })
  if (value !== undefined && key !== kept.current.key) {
    kept.current = { key, values: [...kept.current.values, value].slice(-most) }
  }
  return kept.current.values
}

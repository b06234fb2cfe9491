/** How many downloads run at once, over all files. What somebody waits for comes before what may be needed soon. */
export class ConnectionBudget {
  readonly #forWaiting: number
  readonly #forAhead: number
  #taken = 0
  readonly #listeners = new Set<() => void>()

  /** @param forAhead how many may run before nothing more is fetched ahead; less than `forWaiting` */
  constructor(limits: { readonly forWaiting: number; readonly forAhead: number }) {
    this.#forWaiting = limits.forWaiting
    this.#forAhead = limits.forAhead
  }

  tryTake(somebodyWaits: boolean): boolean {
    if (this.#taken >= (somebodyWaits ? this.#forWaiting : this.#forAhead)) return false
    this.#taken++
    return true
  }

  giveBack(): void {
    this.#taken--
    for (const listener of [...this.#listeners]) listener()
  }

  /** Calls `listener` whenever something was given back, until the returned function is called. */
  onGivenBack(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

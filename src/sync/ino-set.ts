import type { Ino } from '../model/ids.js'

/** A set of inodes in one bit each: a million items in 128 KiB. */
export class InoSet {
  #words = new Uint32Array(1024)
  #size = 0

  get size(): number {
    return this.#size
  }

  add(ino: Ino): void {
    if (!this.has(ino)) this.#size++
    const word = Math.floor(ino / 32)
    if (word >= this.#words.length) this.#grow(word + 1)
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (ino % 32))
  }

  has(ino: Ino): boolean {
    return (((this.#words[Math.floor(ino / 32)] ?? 0) >>> (ino % 32)) & 1) === 1
  }

  #grow(words: number): void {
    const larger = new Uint32Array(Math.max(words, this.#words.length * 2))
    larger.set(this.#words)
    this.#words = larger
  }
}

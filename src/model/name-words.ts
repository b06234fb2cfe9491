// What a person types of a word to find it. Longer beginnings are cut on both sides.
const LONGEST_WORD = 24
// Of one name. A name of 255 bytes without a single space could have as many.
const MOST_WORDS = 64

/** Letters, digits and what belongs to them; everything else parts words. */
const RUN = /[\p{L}\p{M}\p{N}]+/gu
/** Scripts that are written without spaces: a word may begin at any character. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u
/** Where a word begins within a run: `camelCase`, `PDFFile`, `v2`, `2024report`. */
const INNER_BEGINNING =
  /(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})|(?<=\p{N})(?=\p{L})|(?<=\p{L})(?=\p{N})/gu

/**
 * The words by which a name is found, each up to the end of its run, so that `Case`, `caseName` and `case` all find
 * `camelCaseName`, and `資料` finds `会議資料`. Separated by spaces, without accents; case is the index's affair.
 */
export function indexedWords(name: string): string {
  const words: string[] = []
  for (const [run] of withoutAccents(name).matchAll(RUN)) {
    for (const start of beginnings(run)) {
      if (words.length >= MOST_WORDS) return words.join(' ')
      words.push(cut(run.slice(start)))
    }
  }
  return words.join(' ')
}

/** What a person searches for: each is the beginning of a word, and a name must have all of them. */
export function searchedWords(text: string): readonly string[] {
  return [...withoutAccents(text).matchAll(RUN)].slice(0, MOST_WORDS).map(([run]) => cut(run))
}

function beginnings(run: string): number[] {
  const starts = [0]
  for (const { index } of run.matchAll(INNER_BEGINNING)) starts.push(index)
  if (UNSPACED.test(run)) {
    let at = 0
    let isBeginning = true
    for (const character of run) {
      const isUnspaced = UNSPACED.test(character)
      if (isUnspaced || isBeginning) starts.push(at)
      isBeginning = isUnspaced
      at += character.length
    }
  }
  return [...new Set(starts)].sort((one, other) => one - other)
}

function cut(word: string): string {
  return word.length <= LONGEST_WORD ? word : Array.from(word).slice(0, LONGEST_WORD).join('')
}

/**
 * How well a name answers a search; less is better. Of those that have all the words: the one that is called so, that
 * without its extension is called so, one that begins so, then the others.
 */
export function distanceOf(name: string, search: string): number {
  const [called, wanted] = [folded(name), folded(search)]
  if (called === wanted) return 0
  const dot = called.lastIndexOf('.')
  if (dot > 0 && called.slice(0, dot) === wanted) return 1
  return called.startsWith(wanted) ? 2 : 3
}

function folded(text: string): string {
  return withoutAccents(text).toLowerCase().trim()
}

/** Of Latin, Greek and Cyrillic letters. In other scripts such marks make another letter. */
function withoutAccents(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text
  // A sigma at the end of a word is one.
  return text
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .normalize('NFC')
    .replaceAll('ς', 'σ')
}

import t from 'tap'
import { distanceOf, indexedWords, searchedWords } from '../../../src/model/name-words.js'

t.test('a word of a name begins after everything that is no letter and no digit', t => {
  t.equal(indexedWords('Price_list-final (v.2) & more.csv'), 'Price list final v 2 more csv')
  t.end()
})

t.test('and within a run: where capitals, digits and unspaced scripts begin', t => {
  t.equal(indexedWords('camelCaseName'), 'camelCaseName CaseName Name')
  t.equal(indexedWords('PDFFile2024Q3'), 'PDFFile2024Q3 File2024Q3 2024Q3 Q3 3')
  t.equal(indexedWords('会議資料'), '会議資料 議資料 資料 料')
  t.equal(indexedWords('年度report'), '年度report 度report report')
  t.end()
})

t.test('composed, decomposed and plain letters are the same', t => {
  for (const text of ['Cafe\u0301', 'Caf\u00e9']) {
    t.equal(indexedWords(text), 'Cafe')
    t.same(searchedWords(text), ['Cafe'])
  }
  t.equal(indexedWords('한글 がぎ'), '한글 글 がぎ ぎ', 'which are no accents')
  t.end()
})

t.test('a hostile name has a bounded number of bounded words', t => {
  const words = indexedWords('資'.repeat(4_000) + 'aB'.repeat(4_000)).split(' ')
  t.equal(words.length, 64)
  t.ok(words.every(word => word.length <= 48))
  t.end()
})

t.test('what is searched for has nothing of a query language in it', t => {
  t.same(searchedWords('"budget" OR name:* NEAR(x) -y'), ['budget', 'OR', 'name', 'NEAR', 'x', 'y'])
  t.same(searchedWords(' -- "" * '), [])
  t.end()
})

t.test('the better a name fits the nearer it is', t => {
  const names = ['my budget.xlsx', 'budget plan.xlsx', 'Budget.xlsx', 'bUdgét']
  const sorted = names.toSorted((one, other) => distanceOf(one, 'budget') - distanceOf(other, 'budget'))
  t.same(sorted, ['bUdgét', 'Budget.xlsx', 'budget plan.xlsx', 'my budget.xlsx'])
  t.end()
})

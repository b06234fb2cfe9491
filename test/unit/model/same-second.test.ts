import t from 'tap'
import { isSameSecond, moreExact, servableTime } from '../../../src/model/same-second.js'

t.test('times are the same when SharePoint would keep the same second', async t => {
  t.ok(isSameSecond(1_772_600_767_000, 1_772_600_767_999))
  t.notOk(isSameSecond(1_772_600_767_999, 1_772_600_768_000))
})

t.test('a time that SharePoint cannot hold is the same as the nearest time that it can', async t => {
  const [first, last] = [0, Date.UTC(9999, 0)]
  t.ok(isSameSecond(-1, first))
  t.ok(isSameSecond(Date.UTC(1900, 0), first))
  t.ok(isSameSecond(Date.UTC(9999, 5), last))
  t.notOk(isSameSecond(-1, 1_000))
  for (const time of [-9e15, -1, 0, 1.5, last, 9e15]) {
    t.match(new Date(servableTime(time)).toISOString(), /^\d{4}-/)
  }
})

t.test('what is shown of a time is ours where only its milliseconds are missing, else theirs', async t => {
  t.equal(moreExact(1_999, 1_000), 1_999)
  t.equal(moreExact(1_999, 2_000), 2_000)
  t.equal(moreExact(-1, 0), 0)
})

t.test('a time that is not known is not the same as any', async t => {
  t.notOk(isSameSecond(-1, undefined))
  t.notOk(isSameSecond(0, undefined))
})

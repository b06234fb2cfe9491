import t from 'tap'
import { isSameSecond } from '../../../src/model/same-second.js'

t.test('times are the same when SharePoint would keep the same second', async t => {
  t.ok(isSameSecond(1_772_600_767_000, 1_772_600_767_999))
  t.notOk(isSameSecond(1_772_600_767_999, 1_772_600_768_000))
  t.ok(isSameSecond(-1, -1_000), 'before 1970, too')
  t.notOk(isSameSecond(-1, 0))
})

t.test('a time that is not known is not the same as any', async t => {
  t.notOk(isSameSecond(-1, undefined))
  t.notOk(isSameSecond(0, undefined))
})

import t from 'tap'
import { actionBlock, NO_ACTIONS, thunarActions } from '../../../src/desktop/thunar-actions.js'

const action = (id: string, name = 'Free up space') =>
  actionBlock({
    id,
    name,
    description: 'Remove <local> copies & keep the rest',
    icon: 'b2bmount',
    command: ['/opt/my node/node', "/home/ann/o'brien 100%/main.js", 'free-up'],
    files: 'many',
  })

/** Of the user, in the layout of Thunar, with everything that could confuse who reads it. */
const USERS = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE actions [
  <!ELEMENT actions (action)+>
  <!ELEMENT action (icon|name)*>
]>
<actions>
<!-- <action><unique-id>b2bmount-free-up</unique-id></action> </actions> -->
<action>
	<icon>utilities-terminal</icon>
	<name>Terminal</name>
	<name xml:lang="de">Terminal &lt;/action&gt;</name>
	<unique-id>1700000000-1</unique-id>
	<command>exo-open %f</command>
	<directories/>
</action>
</actions>
`

t.test("our actions stand behind the user's and go without a trace", t => {
  const [one, two] = [action('b2bmount-free-up'), action('b2bmount-pin')]
  const first = thunarActions.insert(USERS, one) ?? ''
  const both = thunarActions.insert(first, two) ?? ''
  t.equal(both, USERS.replace(/<\/actions>\n$/, `${one}\n${two}\n</actions>\n`))
  t.equal(thunarActions.insert(both, one), both, 'once only')
  t.equal(thunarActions.remove(thunarActions.remove(both, one), two), USERS)
  t.end()
})

t.test('a command is quoted for the shell, and its percent signs are no field codes', t => {
  t.match(
    action('x'),
    `<command>'/opt/my node/node' '/home/ann/o'\\''brien 100%%/main.js' free-up %F</command>`,
  )
  t.match(action('x'), '<description>Remove &lt;local&gt; copies &amp; keep the rest</description>')
  t.end()
})

t.test('an action is found again after Thunar has written the file in its own layout', t => {
  const ours = action('b2bmount-free-up')
  const rewritten = thunarActions
    .insert(USERS, ours)
    ?.replace('<range>*</range>', '<range></range>\n\t<startup-notify/>')
    .replace("o'\\''brien", 'o&apos;\\&apos;&apos;brien')
    .replace('<action>\n\t<icon>b2bmount', '  <action>\n    <icon>b2bmount')
  t.equal(thunarActions.remove(rewritten ?? '', ours), USERS)
  t.end()
})

t.test("an action that the user has changed is the user's", t => {
  const ours = action('b2bmount-free-up')
  const changed = thunarActions.insert(USERS, ours)?.replace('Free up space', 'Weg damit') ?? ''
  t.equal(thunarActions.remove(changed, ours), changed)
  t.equal(thunarActions.insert(changed, ours), changed, 'and is not there twice')
  t.end()
})

t.test('what is not a list of actions is left alone', t => {
  for (const content of ['', 'not XML', '<actions>', '<other></other>', '<actions><action></actions>']) {
    t.equal(thunarActions.insert(content, action('x')), undefined, content)
    t.equal(thunarActions.remove(content, action('x')), content)
  }
  t.type(thunarActions.insert(NO_ACTIONS, action('x')), 'string')
  t.end()
})

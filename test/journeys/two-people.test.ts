import { mkdir, readdir, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import t from 'tap'
import type { DaemonStatus } from '../../src/control/answers.js'
import { cannotMount } from '../helpers/can-mount.js'
import { eventually } from '../helpers/desktop-session.js'
import { run } from '../helpers/programs.js'
import { mountBeside, mountWritable, type Texts, type WritableLibrary } from '../helpers/writable-library.js'

const FOLDER = 'Together'
const BEGINNING = 'I exist to be changed by two people.\n'
// As far as SharePoint takes it in a name.
const HOST = hostname().replace(/\..*|[^\p{L}\p{N}_-]/gu, '')

const copyOf = (stem: string, ending = '') => `${stem}-${HOST}${ending === '' ? '' : `.${ending}`}`

const DEEDS = 150
const NAMES = ['a.txt', 'b.txt', 'x/a.txt', 'x/b.txt', 'y/a.txt', 'y/z/a.txt']
const FOLDERS = ['x', 'y', 'y/z', 'w']

/**
 * Writes, saves, renames and deletes in no order, as often as not where the other one is doing the same.
 *
 * @returns how much of it could be done: names come and go
 */
async function doesWhatever(library: WritableLibrary, who: string, seed: number): Promise<number> {
  const random = seededRandom(seed)
  const one = (names: readonly string[]) =>
    library.on(FOLDER, names[Math.floor(random() * names.length)] ?? '')
  let done = 0
  for (let i = 0; i < DEEDS; i++) {
    const [path, other] = [one(NAMES), one(NAMES)]
    const deeds = [
      async () => {
        await mkdir(dirname(path), { recursive: true })
        await writeFile(path, `${who} ${i}\n`)
      },
      async () => {
        await writeFile(`${path}.new`, `${who} ${i}\n`)
        await rename(`${path}.new`, path)
      },
      () => rename(path, other),
      () => unlink(path),
      () => rename(one(FOLDERS), one(FOLDERS)),
      () => rm(one(FOLDERS), { recursive: true }),
      () => library.sandbox.cli('sync'),
    ]
    try {
      // The first ones more often.
      await deeds[Math.floor(random() ** 1.5 * deeds.length)]?.()
      done++
    } catch (failure) {
      if (!/^(ENOENT|ENOTEMPTY|EINVAL|ESTALE)$/.test((failure as NodeJS.ErrnoException).code ?? ''))
        throw failure
    }
  }
  return done
}

/** From 0 to 1, the same for the same seed. */
function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

t.test('two people change one library at the same time', { skip: cannotMount }, async t => {
  const ann = await mountWritable(t)
  const bob = await mountBeside(t, ann, 'bob@fabrikam.example')
  const on = (library: WritableLibrary, ...path: string[]) => library.on(FOLDER, ...path)
  const write = (library: WritableLibrary, name: string, text: string) => writeFile(on(library, name), text)
  const idOf = async (name: string) => (await ann.there(`${FOLDER}/${name}`)).id

  /** Until everything has been sent and heard of: what is in the library then, as both and the service see it. */
  async function agreed(): Promise<Texts> {
    let trees: Texts[] = []
    await eventually('nothing is owed, and all see the same', async () => {
      const reports = await Promise.all([ann.sync(), bob.sync()])
      if (reports.some(({ total }) => total > 0)) return false
      trees = await Promise.all([ann.texts(FOLDER), bob.texts(FOLDER), ann.textsThere(FOLDER)]).catch(
        () => [],
      )
      const [first, ...others] = trees.map(tree => JSON.stringify(Object.entries(tree).sort()))
      return others.length > 0 && others.every(other => other === first)
    })
    return trees[0] ?? {}
  }

  /** Files that both have, and that nobody has touched for now. */
  async function begin(...names: readonly string[]): Promise<void> {
    for (const name of names) await write(ann, name, BEGINNING)
    await agreed()
  }

  await t.test('what one makes, the other has', async t => {
    await mkdir(ann.on(FOLDER))
    await write(ann, 'from ann.txt', 'I am from Ann.\n')
    await ann.sync()
    await eventually('Bob hears of it', async () => (await readdir(bob.path)).includes(FOLDER))
    await write(bob, 'from bob.txt', 'I am from Bob.\n')
    t.same(await agreed(), { 'from ann.txt': 'I am from Ann.\n', 'from bob.txt': 'I am from Bob.\n' })
  })

  await t.test('different files are edited, by one each', async t => {
    const ids = [await idOf('from ann.txt'), await idOf('from bob.txt')]
    await Promise.all([
      write(ann, 'from bob.txt', 'Ann was here.\n'),
      write(bob, 'from ann.txt', 'Bob was here.\n'),
    ])
    t.same(await agreed(), { 'from ann.txt': 'Bob was here.\n', 'from bob.txt': 'Ann was here.\n' })
    t.same([await idOf('from ann.txt'), await idOf('from bob.txt')], ids, 'they are the same items')
  })

  await t.test(
    "one file is edited by both: the first to arrive keeps the name, the other's is beside it",
    async t => {
      await begin('minutes.txt')
      const id = await idOf('minutes.txt')
      await Promise.all([write(ann, 'minutes.txt', "Ann's\n"), write(bob, 'minutes.txt', "Bob's\n")])
      const tree = await agreed()
      t.same([tree['minutes.txt'], tree[copyOf('minutes', 'txt')]].sort(), ["Ann's\n", "Bob's\n"])
      t.equal(await idOf('minutes.txt'), id)
      const winner = tree['minutes.txt'] === "Ann's\n" ? ann : bob
      const loser = winner === ann ? bob : ann
      const told = async ({ sandbox }: WritableLibrary) =>
        (await sandbox.json<DaemonStatus>('status')).conflicts
      t.match(await told(loser), [{ name: 'minutes.txt', copy: on(loser, copyOf('minutes', 'txt')) }])
      t.same((await told(winner)) ?? [], [], 'who was first is not bothered')
    },
  )

  await t.test('a file of one name is made by both: both are there', async t => {
    await Promise.all([write(ann, 'agenda', "Ann's\n"), write(bob, 'agenda', "Bob's\n")])
    const tree = await agreed()
    t.same([tree['agenda'], tree[copyOf('agenda')]].sort(), ["Ann's\n", "Bob's\n"])
  })

  await t.test('one renames what the other edits: it is edited under its new name', async t => {
    await begin('draft.txt')
    const id = await idOf('draft.txt')
    await Promise.all([
      rename(on(ann, 'draft.txt'), on(ann, 'final.txt')),
      write(bob, 'draft.txt', "Bob's\n"),
    ])
    const tree = await agreed()
    t.match(tree, { 'final.txt': "Bob's\n", 'draft.txt': undefined })
    t.equal(await idOf('final.txt'), id)
  })

  const orders: Readonly<Record<string, readonly WritableLibrary[][]>> = {
    'at the same time': [[ann, bob]],
    'the deletion arriving first': [[ann], [bob]],
    'the edit arriving first': [[bob], [ann]],
  }
  for (const [order, steps] of Object.entries(orders)) {
    await t.test(`one deletes what the other edits, ${order}: the edit wins`, async t => {
      const name = `deleted, ${order}.txt`
      await begin(name)
      await Promise.all([unlink(on(ann, name)), write(bob, name, "Bob's\n")])
      for (const senders of steps) await Promise.all(senders.map(library => library.sync()))
      const tree = await agreed()
      t.equal(tree[name], "Bob's\n")
      t.notOk(
        Object.keys(tree).some(each => each.startsWith(`${name.slice(0, -4)}-`)),
        'once',
      )
    })
  }

  for (const [order, senders] of [
    ['the deletion', [ann, bob]],
    ['what was made', [bob, ann]],
  ] as const) {
    await t.test(
      `one deletes the folder in which the other makes something, ${order} arriving first: it stays`,
      async t => {
        const folder = `folder, ${order} first`
        await mkdir(on(ann, folder, 'inner'), { recursive: true })
        await begin(`${folder}/inner/old.txt`, `${folder}/other.txt`)
        await Promise.all([
          rm(on(ann, folder), { recursive: true }),
          write(bob, `${folder}/inner/new.txt`, "Bob's\n"),
        ])
        for (const sender of senders) await sender.sync()
        const tree = await agreed()
        const left = Object.entries(tree).filter(([path]) => path.startsWith(folder))
        t.same(Object.fromEntries(left), {
          [folder]: null,
          [`${folder}/inner`]: null,
          [`${folder}/inner/new.txt`]: "Bob's\n",
        })
      },
    )
  }

  await t.test('both rename it: it has one of the names', async t => {
    await begin('name.txt')
    await Promise.all([
      rename(on(ann, 'name.txt'), on(ann, 'name by ann.txt')),
      rename(on(bob, 'name.txt'), on(bob, 'name by bob.txt')),
    ])
    const names = Object.keys(await agreed()).filter(name => name.startsWith('name'))
    t.equal(names.length, 1, names.join())
    t.match(names[0], /^name by (ann|bob)\.txt$/)
  })

  await t.test('each gives another file the same name: both are there', async t => {
    await begin('one.txt')
    await write(bob, 'two.txt', "Bob's\n")
    await agreed()
    await Promise.all([
      rename(on(ann, 'one.txt'), on(ann, 'taken.txt')),
      rename(on(bob, 'two.txt'), on(bob, 'taken.txt')),
    ])
    const tree = await agreed()
    t.same([tree['taken.txt'], tree[copyOf('taken', 'txt')]].sort(), ["Bob's\n", BEGINNING])
  })

  await t.test('both do whatever they like: in the end all see the same', async t => {
    const [mine, yours] = await Promise.all([doesWhatever(ann, 'Ann', 7), doesWhatever(bob, 'Bob', 8)])
    t.ok(mine > 20 && yours > 20, `${mine} and ${yours} things were done`)
    await t.resolves(agreed())
  })

  await t.test('diff finds nothing', async t => {
    t.equal(await run('diff', '-r', ann.path, bob.path), '')
  })
})

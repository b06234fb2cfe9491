import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isFault } from '../../src/model/fault.js'
import type { Ino } from '../../src/model/ids.js'
import { colliding, PERIOD } from '../../scripts/collisions.js'
import { until } from '../semantics/drive-world.js'
import { UploadsWorld } from '../semantics/uploads-world.js'

// Both sides change a library at random, the link breaks, the program is killed. In the end both have the same, and of every
// byte that somebody wrote last somewhere nothing is missing. Programs keep files open meanwhile. Most contents have one size and one QuickXorHash. Repeat one run with SEED=…, more of them with SEEDS=…

const FIRST = Number(process.env['SEED'] ?? 1)
const COUNT = Number(process.env['SEEDS'] ?? (process.env['SEED'] === undefined ? 150 : 1))
const STEPS = Number(process.env['STEPS'] ?? 60)

const OTHERS_CLOCK = 3_600_000

const NAMES = ['a', 'b', 'c', 'A', 'd.docx'] as const
const FOLDERS = ['', 'x', 'y', 'x/z'] as const

const OPERATIONS = [
  'write',
  'write',
  'patch',
  'freeUp',
  'rename',
  'rename',
  'saveWithBackup',
  'saveWithBackup',
  'hold',
  'saveOpen',
  'saveOpen',
  'writeOpen',
  'letGo',
  'remove',
  'mkdir',
  'removeFolder',
  'renameFolder',
  'remoteWrite',
  'remoteWrite',
  'remoteRename',
  'remoteRemove',
  'remoteMkdir',
  'promote',
  'pull',
  'pull',
  'pass',
  'pass',
  'sendAll',
  'break',
  'lose',
  'kill',
] as const
type Operation = (typeof OPERATIONS)[number]

class Model {
  world: UploadsWorld
  readonly #log: { readonly line: string; readonly told: number }[] = []
  /** Texts that somebody wrote, and that nobody has replaced or deleted knowing of them. */
  readonly #alive = new Set<string>()
  readonly #random: (below: number) => number
  #texts = 0

  constructor(world: UploadsWorld, seed: number) {
    this.world = world
    let state = seed * 2_654_435_761
    this.#random = below => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
  }

  async step(): Promise<void> {
    const operation = this.#pick(OPERATIONS)
    // What the drive refuses, it refuses; a name that is not there is no step.
    try {
      await this.#apply(operation)
    } catch (failure) {
      if (!isFault(failure) && !/there is no|the service has no/.test(String(failure))) throw failure
    }
  }

  /** What nobody may lose. */
  get alive(): ReadonlySet<string> {
    return this.#alive
  }

  async #apply(operation: Operation): Promise<void> {
    const { world } = this
    const path = this.#path()
    switch (operation) {
      case 'write': {
        const before = world.find(path) && this.#readHere(path)
        const text = this.#text('here')
        this.#note(`write ${path} ${short(text)}`)
        world.write(path, text)
        this.#replaced(before, text)
        return
      }
      case 'patch': {
        const before = this.#readHere(path)
        if (before === undefined || before.length < 4) return
        this.#note(`patch ${path}`)
        // In two places a period apart: nothing that QuickXorHash would see.
        const places = before.length > PERIOD + 3 ? [1, PERIOD + 1] : [1]
        for (const place of places) world.patch(path, place, 'PP')
        this.#replaced(
          before,
          places.reduce((text, at) => `${text.slice(0, at)}PP${text.slice(at + 2)}`, before),
        )
        return
      }
      case 'freeUp':
        this.#note(`free up ${path}`)
        return world.freeUp(path)
      case 'rename':
        return this.#renameHere(path, this.#path())
      case 'saveWithBackup': {
        const backup = this.#path()
        if (world.item(path).kind !== 'file' || world.find(backup)?.kind === 'folder') return
        this.#renameHere(path, backup)
        if (world.find(path) !== undefined) return
        const text = this.#text('here')
        this.#note(`write ${path} ${short(text)}`)
        world.write(path, text)
        this.#replaced(undefined, text)
        return
      }
      case 'hold': {
        const known = world.find(path)
        if (known !== undefined && (known.kind !== 'file' || world.opened.has(known.ino))) return
        const before = known && this.#readHere(path)
        const text = this.#text('held')
        this.#note(`hold ${path} ${short(text)}`)
        const ino = world.hold(path, 'empty')
        world.opened.get(ino)?.dirty.file.truncate(0)
        world.writeOpen(path, 0, text)
        this.#replaced(before, text)
        return
      }
      case 'saveOpen':
      case 'writeOpen': {
        const held = this.#somethingHeld()
        const at = held === undefined ? undefined : world.heldPath(held)
        const file = held === undefined ? undefined : world.opened.get(held)?.dirty.file
        if (at === undefined || file === undefined) return
        const before = this.#readHere(at)
        const text = this.#text('open')
        this.#note(`${operation} ${at} ${short(text)}`)
        file.truncate(0)
        world.writeOpen(at, 0, text)
        this.#replaced(before, text)
        if (operation === 'saveOpen') await world.fsync(at)
        return
      }
      case 'letGo': {
        const held = this.#somethingHeld()
        if (held === undefined) return
        this.#note(`let go ${world.heldPath(held) ?? 'what is gone'}`)
        return world.letGoOf(held)
      }
      case 'renameFolder':
        return this.#renameHere(this.#folder(), this.#folder())
      case 'remove': {
        if (world.item(path).kind !== 'file') return
        const before = this.#readHere(path)
        this.#note(`remove ${path}`)
        world.remove(path)
        this.#replaced(before, undefined)
        return
      }
      case 'removeFolder': {
        const folder = this.#folder()
        if (folder === '' || world.item(folder).kind !== 'folder') return
        this.#note(`rmdir ${folder}`)
        return world.remove(folder)
      }
      case 'mkdir': {
        const folder = this.#folder()
        if (folder === '' || world.find(folder) !== undefined) return
        this.#note(`mkdir ${folder}`)
        return world.mkdir(folder)
      }
      default:
        return this.#applyThere(operation, path)
    }
  }

  async #applyThere(operation: Operation, path: string): Promise<void> {
    const { world } = this
    const { service, link } = world
    const there = service.find(path)
    switch (operation) {
      case 'remoteWrite': {
        if (there?.kind === 'folder') return
        const before = there && Buffer.from(there.bytes).toString()
        const text = this.#text('there')
        this.#note(`remote write ${path} ${short(text)}`)
        // Nothing else has this time: what SharePoint has rewritten is known by it.
        service.put(path, text, world.clock.now() + OTHERS_CLOCK + 1_000 * this.#texts)
        this.#replaced(before, text)
        return
      }
      case 'remoteRename': {
        const to = this.#path()
        if (there === undefined || service.find(to) !== undefined || to.startsWith(`${path}/`)) return
        this.#note(`remote rename ${path} ${to}`)
        return service.move(path, to)
      }
      case 'remoteRemove': {
        if (there?.kind !== 'file') return
        this.#note(`remote remove ${path}`)
        this.#replaced(Buffer.from(there.bytes).toString(), undefined)
        return service.remove(path)
      }
      case 'remoteMkdir': {
        const folder = this.#folder()
        if (folder === '' || service.find(folder) !== undefined) return
        this.#note(`remote mkdir ${folder}`)
        service.mkdir(folder)
        return
      }
      case 'promote':
        this.#note('promote')
        return service.promote()
      case 'pull':
        this.#note('pull')
        return await world.pull()
      case 'sendAll':
        this.#note('send all')
        await world.send()
        return
      case 'break':
      case 'lose': {
        const which = this.#pick(['upload', 'update', 'delete', 'createFolder', 'item', 'child'] as const)
        const code = this.#pick(['offline', 'server-error', 'timed-out', 'locked'] as const)
        this.#note(`${operation} ${which} ${code}`)
        return link.failNext(which, code, operation === 'break' ? 'request' : 'answer')
      }
      case 'kill':
        return await this.#kill()
      default:
        this.#note('some time passes')
        world.clock.advance(1_000 + this.#random(4) * 1_000)
        for (let turn = this.#random(30); turn > 0; turn--)
          await new Promise(resolve => setImmediate(resolve))
    }
  }

  async #kill(): Promise<void> {
    const { world } = this
    const after = this.#random(6)
    this.#note(`kill after ${after} steps`)
    let step = 0
    world.link.onStep = async () => {
      if (step++ < after) return
      world.link.isDead = true
      await new Promise<never>(() => undefined)
    }
    let isOver = false
    world.send().then(
      () => (isOver = true),
      () => (isOver = true),
    )
    await until(() => world.link.isDead || isOver)
    this.world = world.restart()
  }

  #renameHere(from: string, to: string): void {
    const { world } = this
    if (from === '' || to === '' || from === to || to.startsWith(`${from}/`)) return
    const item = world.item(from)
    const there = world.find(to)
    const replaced = there?.kind === 'file' ? this.#readHere(to) : undefined
    this.#note(`rename ${from} ${to}`)
    world.rename(from, to)
    if (there !== undefined && there.ino !== item.ino) this.#replaced(replaced, undefined)
  }

  #replaced(before: string | undefined, after: string | undefined): void {
    // Nobody can tell that from nothing.
    if (before === after) return
    if (before !== undefined) this.#alive.delete(bare(before))
    if (after !== undefined) this.#alive.add(bare(after))
  }

  #readHere(path: string): string | undefined {
    return this.world.item(path).kind === 'file' ? this.world.read(path) : undefined
  }

  /** Most have one size and one hash. */
  #text(side: string): string {
    const number = ++this.#texts
    return this.#random(4) === 0 ? `${side} ${number}` : colliding(number).toString()
  }

  #somethingHeld(): Ino | undefined {
    const held = [...this.world.opened.keys()]
    return held[this.#random(Math.max(1, held.length))]
  }

  #folder(): string {
    return this.#pick(FOLDERS)
  }

  #path(): string {
    const folder = this.#folder()
    const name = this.#pick(NAMES)
    return folder === '' ? name : `${folder}/${name}`
  }

  #pick<Value>(values: readonly Value[]): Value {
    const value = values[this.#random(values.length)]
    if (value === undefined) throw new Error('nothing to pick from')
    return value
  }

  #note(line: string): void {
    this.#log.push({ line, told: this.world.service.log.length })
  }

  /** What was done, and indented what the service was told meanwhile. */
  get log(): readonly string[] {
    const told = this.world.service.log
    const lines: string[] = []
    let shown = 0
    for (const { line, told: before } of [...this.#log, { line: 'the end', told: Infinity }]) {
      for (; shown < Math.min(before, told.length); shown++) lines.push(`    ${told[shown] ?? ''}`)
      lines.push(line)
    }
    return lines
  }
}

function short(text: string): string {
  return text.replace(/\.{2,}.*/s, '…')
}

function bare(text: string): string {
  return text.replaceAll(' (with properties)', '')
}

async function run(t: Test, seed: number): Promise<void> {
  const directory = join(t.testdir(), String(seed))
  mkdirSync(directory)
  const first = new UploadsWorld({ directory })
  first.service.rewrites = seed % 3 === 0 ? 'later' : 'never'
  const model = new Model(first, seed)
  t.teardown(() => model.world.stop())
  for (let step = 0; step < STEPS; step++) await model.step()
  model.world.link.onStep = () => undefined
  for (const ino of [...model.world.opened.keys()]) model.world.letGoOf(ino)
  let left = await model.world.drain()
  model.world.service.promote()
  await model.world.pull()
  left = await model.world.drain()
  await model.world.pull()
  // Names that were left go to others a while later.
  model.world.clock.advance(60_000)
  await model.world.send()
  const { world } = model
  // Of a file that the other side has deleted, and that was changed in part here: documented, and exported.
  if (left.some(({ hindrance }) => hindrance?.code === 'not-supported'))
    return void t.pass('what is missing of it is nowhere any more')
  const here = sorted(world.tree())
  const there = sorted(world.service.tree())
  const texts = new Set(Object.values(world.service.tree()).map(bare))
  const recycled = new Set([...world.service.recycledUnseen].map(bare))
  const lost = [...model.alive].filter(text => !texts.has(text) && !recycled.has(text))
  const bugs = world.troubles.filter(event => event.startsWith('uploader-bug'))
  if (
    left.length === 0 &&
    lost.length === 0 &&
    bugs.length === 0 &&
    JSON.stringify(here) === JSON.stringify(there)
  ) {
    t.pass('both sides have the same, and nothing is lost')
    return
  }
  t.comment(model.log.join('\n'))
  t.same(left, [], 'nothing is owed')
  t.same(lost, [], 'nothing is lost')
  t.same(bugs, [], 'nobody met a bug')
  t.same(here, there, 'both sides have the same')
}

function sorted(tree: Record<string, string>): [string, string][] {
  return Object.entries(tree).sort(([one], [other]) => (one < other ? -1 : 1))
}

for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
  t.test(`both sides at random (SEED=${seed})`, t => run(t, seed))
}

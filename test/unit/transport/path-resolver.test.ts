import t from 'tap'
import type { Attributes } from '../../../src/fs/file-system.js'
import { nodeId, ROOT_INO, type Ino, type NodeId } from '../../../src/model/ids.js'
import { PathResolver } from '../../../src/transport/path-resolver.js'

const forever = new AbortController().signal
const ROOT = nodeId(ROOT_INO, 0)

/** `parent/name` -> node; names with a dot are files. Every lookup is recorded. */
class FakeTree {
  readonly nodes = new Map<string, number>([
    ['1/Contoso', 2],
    ['2/Projects', 3],
    ['3/a.txt', 4],
  ])
  readonly looked: string[] = []
  /** Awaited before each answer. */
  before: () => Promise<void> = () => Promise.resolve()

  async lookup(parent: NodeId, name: string): Promise<Attributes | undefined> {
    this.looked.push(name)
    const node = this.nodes.get(`${parent}/${name}`)
    await this.before()
    return node === undefined ? undefined : this.#attributes(node, name)
  }

  getattr(node: NodeId): Attributes {
    return this.#attributes(node, '')
  }

  #attributes(node: number, name: string): Attributes {
    return {
      node: node as NodeId,
      ino: node as Ino,
      kind: name.includes('.') ? 'file' : 'directory',
      size: 0,
      blocks: 0,
      modified: 0,
      changed: 0,
      created: 1_500_000_000_789,
      permissions: 0o444,
      links: 1,
    }
  }
}

t.test('folders on the way are looked up once, the last part each time', async t => {
  const tree = new FakeTree()
  const resolver = new PathResolver(tree)
  t.equal((await resolver.find('/', forever)).node, ROOT)
  t.equal((await resolver.find('/Contoso/Projects/a.txt', forever)).node, 4)
  tree.nodes.set('3/a.txt', 5)
  t.equal((await resolver.find('/Contoso/Projects/a.txt', forever)).node, 5, 'another content')
  t.same(tree.looked, ['Contoso', 'Projects', 'a.txt', 'a.txt'])
})

t.test('what is missing, and what is no folder, says so', async t => {
  const resolver = new PathResolver(new FakeTree())
  await t.rejects(resolver.find('/Contoso/Nothing', forever), { code: 'item-not-found' })
  await t.rejects(resolver.find('/Nowhere/Projects', forever), { code: 'item-not-found' })
  await t.rejects(resolver.find('/Contoso/Projects/a.txt/b', forever), { code: 'not-a-directory' })
})

t.test('a folder that was renamed is found by its new name only, with all that is in it', async t => {
  const tree = new FakeTree()
  const resolver = new PathResolver(tree)
  await resolver.find('/Contoso/Projects/a.txt', forever)
  tree.nodes.delete('1/Contoso')
  tree.nodes.set('1/Contoso Ltd', 2)
  resolver.forget(ROOT, 'Contoso')
  await t.rejects(resolver.find('/Contoso/Projects/a.txt', forever), { code: 'item-not-found' })
  t.equal((await resolver.find('/Contoso Ltd/Projects/a.txt', forever)).node, 4)
})

t.test('an answer that was under way while the name changed is not remembered', async t => {
  const tree = new FakeTree()
  const resolver = new PathResolver(tree)
  for (const forget of [() => resolver.forget(ROOT, 'Contoso'), () => resolver.forgetAll()]) {
    tree.nodes.set('1/Contoso', 2)
    let answer = (): void => {}
    tree.before = () => new Promise(resolve => (answer = resolve))
    const finding = resolver.find('/Contoso/x', forever)
    tree.nodes.delete('1/Contoso')
    forget()
    tree.before = () => Promise.resolve()
    answer()
    await t.rejects(finding, { code: 'item-not-found' })
    await t.rejects(resolver.find('/Contoso/Projects', forever), { code: 'item-not-found' })
  }
})

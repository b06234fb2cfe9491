import t from 'tap'
import { HydrationPolicy, type Program } from '../../../src/hydration/hydration-policy.js'

function program(name: string, more: Partial<Program> = {}): Program {
  return { name, path: `/usr/bin/${name}`, names: [name], comm: name.slice(0, 15), arguments: [], ...more }
}

const policy = new HydrationPolicy()
const verdictOf = (...lineage: Program[]) => policy.permissionOf(lineage).verdict

t.test('programs that look at all files cause no downloads', t => {
  for (const name of [
    'tumblerd',
    'totem-video-thumbnailer',
    'evince-thumbnailer',
    'gdk-pixbuf-thumbnailer',
    'ffmpegthumbnailer',
    'localsearch',
    'localsearch-3',
    'localsearch-extractor-3',
    'tracker-miner-fs-3',
    'tracker-extract-3',
    'baloo_file',
    'baloo_file_extractor',
    'updatedb',
    'updatedb.plocate',
    'clamscan',
    'deja-dup-monitor',
    'restic',
  ]) {
    t.equal(verdictOf(program(name)), 'local-only', name)
  }
  t.end()
})

t.test('everybody else is served, also who cannot be recognised', t => {
  t.same(policy.permissionOf([]), { verdict: 'full', sniffs: false })
  for (const name of ['cp', 'soffice.bin', 'rsync', 'borgia', 'my-thumbnailers', 'updatedbx']) {
    t.same(policy.permissionOf([program(name)]), { verdict: 'full', sniffs: false }, name)
  }
  t.end()
})

t.test('file managers are served, and known to sniff', t => {
  for (const name of ['nautilus', 'Thunar', 'pcmanfm', 'dolphin', 'nemo', 'caja', 'gvfsd-trash']) {
    t.same(policy.permissionOf([program(name)]), { verdict: 'full', sniffs: true }, name)
  }
  t.end()
})

t.test("KDE's worker makes thumbnails or copies, which its arguments tell", t => {
  const worker = (...args: string[]) =>
    program('kioworker', { path: '/usr/lib/x86_64-linux-gnu/libexec/kf6/kioworker', arguments: args })
  t.equal(
    verdictOf(worker('/usr/lib/x86_64-linux-gnu/qt6/plugins/kf6/kio/thumbnail.so', 'thumbnail', '')),
    'local-only',
  )
  t.equal(verdictOf(worker('/usr/lib/x86_64-linux-gnu/qt6/plugins/kf6/kio/kio_file.so', 'file', '')), 'full')
  t.ok(policy.needsArguments(['kioworker']))
  t.notOk(policy.needsArguments(['nautilus', 'cp']))
  t.end()
})

t.test('a name that the kernel has cut is known by what is left of it', t => {
  const cut = { path: undefined, names: [], comm: 'baloo_file_extr' }
  t.equal(verdictOf(program('baloo_file_extractor', cut)), 'local-only')
  t.equal(verdictOf(program('x', { ...cut, comm: 'baloo_file_ext' })), 'full', 'a whole name of its own')
  t.end()
})

t.test('what a thumbnailer starts may do no more than it', t => {
  const convert = program('convert')
  t.equal(verdictOf(convert, program('bwrap'), program('gnome-raw-thumbnailer')), 'local-only')
  t.equal(verdictOf(program('rsync'), program('perl', { names: ['perl', 'rsnapshot'] })), 'local-only')
  t.same(policy.permissionOf([convert, program('nautilus')]), { verdict: 'full', sniffs: false })
  t.equal(verdictOf(program('nautilus'), program('deja-dup')), 'full', 'unless it is known itself')
  t.end()
})

t.test("the user's rules come before ours, by name or by path", t => {
  const own = new HydrationPolicy([
    { verdict: 'deny', programs: ['/opt/scanner/*'] },
    { verdict: 'full', programs: ['restic', 'a.b'] },
  ])
  const verdict = (found: Program) => own.permissionOf([found]).verdict
  t.equal(verdict(program('restic')), 'full')
  t.equal(verdict(program('agent', { path: '/opt/scanner/bin/agent' })), 'deny')
  t.equal(verdict(program('agent', { path: '/usr/opt/scanner/agent' })), 'full')
  t.equal(verdict(program('tumblerd')), 'local-only')
  t.equal(verdict(program('tumblerd', { names: ['tumblerd', 'aXb'] })), 'local-only', 'a dot is a dot')
  t.end()
})

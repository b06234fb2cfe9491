import type { Drive, Item } from './drive.js'
import { csv, docx, jpeg, pdf, png, zip } from './documents.js'
import { GeneratedContent } from './generated-content.js'

const MIB = 1024 * 1024
const GIB = 1024 * MIB
const HOUR = 60 * 60 * 1000

/** What an ordinary team library looks like: documents, pictures, a few folders. */
export function populateTeamLibrary(drive: Drive): void {
  const { root } = drive
  const at = (hours: number) => ({
    created: drive.created + hours * HOUR,
    modified: drive.created + hours * HOUR,
  })
  drive.addFile(root, 'Read me first.txt', 'Welcome. This library is shared with you.\n', at(1))
  drive.addFile(
    root,
    'Project plan.docx',
    docx('Project plan', ['1. Share the library.', '2. Mount it.']),
    at(2),
  )
  drive.addFile(root, 'Price list.csv', csv(500), at(3))
  const contracts = drive.addFolder(root, 'Contracts', at(4))
  drive.addFile(contracts, 'Framework agreement.pdf', pdf('Framework agreement'), at(5))
  drive.addFile(contracts, 'Annex A.pdf', pdf('Annex A: prices'), at(6))
  const photos = drive.addFolder(root, 'Photos', at(7))
  for (let i = 1; i <= 8; i++) {
    drive.addFile(photos, `Site visit ${i}.jpg`, teamPhotos()[i - 1] ?? '', at(8 + i))
  }
  drive.addFile(photos, 'Logo.png', png(256, 256, 40), at(17))
  const reports = drive.addFolder(root, 'Reports', at(18))
  for (const year of ['2024', '2025', '2026']) {
    const folder = drive.addFolder(reports, year, at(19))
    for (let quarter = 1; quarter <= 4; quarter++) {
      const title = `Report Q${quarter} ${year}`
      drive.addFile(folder, `${title}.docx`, docx(title, [`Revenue grew in quarter ${quarter}.`]), at(20))
    }
  }
  drive.addFile(
    root,
    'Archive.zip',
    zip({ 'notes/a.txt': 'first note\n', 'notes/b.txt': 'second note\n', 'table.csv': csv(20) }),
    at(30),
  )
  drive.addFile(root, 'Empty file.txt', '', at(31))
  drive.addPackage(root, 'Team notebook', at(32))
}

let photos: readonly Buffer[] | undefined

/** The same in every library: encoding them takes longer than all the rest of a world. */
function teamPhotos(): readonly Buffer[] {
  photos ??= Array.from({ length: 8 }, (_, i) => jpeg(320, 240, (i + 1) * 25))
  return photos
}

/** Sizes that make a client sweat. Costs neither disk nor memory. */
export function populateLargeFiles(drive: Drive): void {
  const { root } = drive
  drive.addFile(root, 'Recording 10 GB.bin', new GeneratedContent(1, 10_000_000_000))
  drive.addFile(root, 'Disk image 2 GiB.img', new GeneratedContent(2, 2 * GIB))
  drive.addFile(root, 'Backup 256 MiB.bin', new GeneratedContent(3, 256 * MIB))
  drive.addFile(root, 'Video 40 MiB.mp4', new GeneratedContent(4, 40 * MIB))
  drive.addFile(root, 'One byte more.bin', new GeneratedContent(5, MIB + 1))
  drive.addFile(root, 'Zero bytes.bin', '')
}

export function populateWideFolder(drive: Drive, parent: Item, count: number): void {
  for (let i = 0; i < count; i++) {
    drive.addFile(parent, `Item ${String(i).padStart(5, '0')}.txt`, new GeneratedContent(i, 64 + (i % 960)))
  }
}

/** What people look for by its picture: photos, scans, documents, and some spreadsheets, which have none. */
export function populateShowcase(drive: Drive, count: number): void {
  const folder = drive.addFolder(drive.root, 'Mixed')
  for (let i = 0; i < count; i++) {
    const number = String(i + 1).padStart(3, '0')
    const at = { created: drive.created + i * HOUR, modified: drive.created + i * HOUR }
    switch (i % 10) {
      case 6:
      case 7:
        drive.addFile(folder, `Scan ${number}.pdf`, pdf(`Scan ${number}`), at)
        break
      case 8:
        drive.addFile(folder, `Letter ${number}.docx`, docx(`Letter ${number}`, ['Dear all,']), at)
        break
      case 9:
        drive.addFile(folder, `Sheet ${number}.xlsx`, zip({ 'figures.csv': csv(20) }), at)
        break
      default:
        drive.addFile(folder, `Photo ${number}.jpg`, teamPhotos()[i % 8] ?? '', at)
    }
  }
}

/** Many pictures in one folder. The bytes are generated: nobody can look at them, their thumbnails are drawn. */
export function populatePictures(drive: Drive, count: number): void {
  const folder = drive.addFolder(drive.root, 'Pictures')
  for (let i = 0; i < count; i++) {
    drive.addFile(
      folder,
      `Picture ${String(i + 1).padStart(4, '0')}.jpg`,
      new GeneratedContent(i, 300_000 + i),
    )
  }
}

/** Folders of folders of files; `items` of them in all, the root not counted. */
export function populateDeepTree(drive: Drive, items: number): void {
  const files = 90
  const perBranch = 1 + 10 * (1 + files)
  let left = items
  for (let branch = 0; left > 0; branch++) {
    const top = drive.addFolder(drive.root, `Branch ${String(branch).padStart(3, '0')}`)
    left--
    for (let i = 0; i < 10 && left > 0; i++) {
      const folder = drive.addFolder(top, `Folder ${i}`)
      left--
      for (let j = 0; j < files && left > 0; j++, left--) {
        const seed = branch * perBranch + i * files + j
        drive.addFile(
          folder,
          `Document ${String(j).padStart(2, '0')}.dat`,
          new GeneratedContent(seed, 200 + (seed % 4000)),
        )
      }
    }
  }
}

/** Names as people write them around the world, all of which SharePoint accepts. */
export const WORLD_NAMES: readonly string[] = [
  'Überprüfung der Verträge.txt'.normalize('NFC'),
  'Résumé décomposé.txt'.normalize('NFD'),
  '契約書と見積もり.txt',
  '계약서 최종본.txt',
  '合同（最终版）.txt',
  'Договор поставки.txt',
  'حساب المشروع.txt',
  'הסכם סופי.txt',
  'สัญญาฉบับสุดท้าย.txt',
  'अनुबंध अंतिम.txt',
  'Σχέδιο έργου.txt',
  'İstanbul ılıca.txt',
  'Emoji 🚀👩‍👩‍👧‍👦🇪🇺.txt',
  'C# and F# notes.txt',
  '100% final.txt',
  '%41 is not A.txt',
  "Ann's \u2018quoted\u2019 file.txt",
  'a+b=c & d, e; f@g!.txt',
  '$HOME {braces} [brackets] ~tilde^.txt',
  'two  spaces and\u00a0a hard one.txt',
  '.starts with a dot',
  'no extension',
  'many.dots.in.the.name.tar.gz',
  `${'long '.repeat(50)}x.txt`,
]

export function populateNames(drive: Drive): void {
  for (const name of WORLD_NAMES) drive.addFile(drive.root, name, `My name is: ${name}\n`)
  const folder = drive.addFolder(drive.root, 'Ordner № 1 – «Entwürfe» 100% #1')
  drive.addFile(folder, 'Datei ß.txt', 'In a folder with a difficult name.\n')
}

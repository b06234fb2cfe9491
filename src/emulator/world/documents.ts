import { strToU8, zipSync } from 'fflate'
import { encode as encodeJpeg } from 'jpeg-js'
import { PNG } from 'pngjs'

/** Small valid files of common kinds, made in code: nothing to copy beside the compiled program. */

const FIXED_TIME = '2026-01-05T09:00:00Z' // archives store times; the same bytes in every run

export function docx(title: string, paragraphs: readonly string[]): Buffer {
  const text = [title, ...paragraphs]
    .map(each => `<w:p><w:r><w:t xml:space="preserve">${escapeXml(each)}</w:t></w:r></w:p>`)
    .join('')
  const document =
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' +
    '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">' +
    `<w:body>${text}</w:body></w:document>`
  const types =
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' +
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">' +
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>' +
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>' +
    '</Types>'
  const relations =
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' +
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">' +
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>' +
    '</Relationships>'
  return zip({ '[Content_Types].xml': types, '_rels/.rels': relations, 'word/document.xml': document })
}

export function zip(files: Readonly<Record<string, string | Buffer>>): Buffer {
  const entries = Object.entries(files).map(([name, content]) => [
    name,
    typeof content === 'string' ? strToU8(content) : new Uint8Array(content),
  ])
  return Buffer.from(
    zipSync(Object.fromEntries(entries) as Record<string, Uint8Array>, { mtime: FIXED_TIME }),
  )
}

/** One page, one line of text. ASCII only. */
export function pdf(line: string): Buffer {
  const text = line.replace(/[\\()]/g, letter => `\\${letter}`)
  const stream = `BT /F1 24 Tf 72 720 Td (${text}) Tj ET`
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ]
  let file = '%PDF-1.4\n'
  const offsets = objects.map((object, i) => {
    const offset = file.length
    file += `${i + 1} 0 obj\n${object}\nendobj\n`
    return offset
  })
  const start = file.length
  const rows = offsets.map(offset => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}`
  file += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`
  return Buffer.from(file, 'latin1')
}

export function png(width: number, height: number, hue: number): Buffer {
  const image = new PNG({ width, height })
  image.data = pixels(width, height, hue)
  return PNG.sync.write(image)
}

export function jpeg(width: number, height: number, hue: number): Buffer {
  return Buffer.from(encodeJpeg({ width, height, data: pixels(width, height, hue) }, 80).data)
}

export function csv(rows: number): Buffer {
  const lines = Array.from({ length: rows }, (_, i) => `${i + 1},Part ${i + 1},${((i * 37) % 1000) / 10}`)
  return Buffer.from(['number,name,price', ...lines, ''].join('\r\n'))
}

/** A soft two-way gradient. RGBA. */
function pixels(width: number, height: number, hue: number): Buffer {
  const data = Buffer.alloc(width * height * 4)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 4
      data[at] = (hue + (x * 120) / width) & 255
      data[at + 1] = (80 + (y * 150) / height) & 255
      data[at + 2] = (200 - hue / 2 + (x * y) / 512) & 255
      data[at + 3] = 255
    }
  }
  return data
}

function escapeXml(text: string): string {
  return text.replace(/[<>&]/g, letter => `&#${letter.charCodeAt(0)};`)
}

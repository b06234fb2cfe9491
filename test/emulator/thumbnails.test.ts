import sharp from 'sharp'
import t from 'tap'
import { CONTOSO, type Lab, openLab, TAILSPIN, type Wire } from './helpers.js'

const MEDIA = 'westeurope1-mediap.svc.ms'

interface Thumbnail {
  readonly width: number
  readonly height: number
  readonly url: string
}

type Sized = Wire & Readonly<Record<string, Thumbnail>>

interface Gallery {
  readonly lab: Lab
  readonly token: string
  readonly drive: string
  readonly photo: string
}

async function openGallery(t: Parameters<typeof openLab>[0]): Promise<Gallery> {
  const lab = await openLab(t)
  const token = await lab.token(TAILSPIN)
  const drives = lab.emulator.world.sites.flatMap(site => site.libraries)
  const drive = drives.find(({ name }) => name === 'Showcase')?.id ?? ''
  const { json } = await lab.graph(token, `/drives/${drive}/root:/Mixed/Photo 001.jpg`.replaceAll(' ', '%20'))
  return { lab, token, drive, photo: `/drives/${drive}/items/${json.id}` }
}

t.test('a picture has thumbnails of SharePoint’s sizes, and of any other', async t => {
  const { lab, token, photo } = await openGallery(t)
  const { json } = await lab.graph(token, `${photo}/thumbnails`)
  const [set] = json.value as Sized[]
  t.equal(set?.id, '0')
  t.match(set?.['small'], { width: 400, height: 300 })
  t.match(set?.['medium'], { width: 400, height: 300 })
  t.match(set?.['large'], { width: 950 })
  const custom = await lab.graph(token, `${photo}/thumbnails?select=c256x256_Crop`)
  t.match((custom.json.value as Sized[])[0]?.['c256x256_Crop'], { width: 256, height: 256 })
  t.match((await lab.graph(token, `${photo}/thumbnails/0/c96x96`)).json, { width: 96, height: 72 })
  t.equal((await lab.graph(token, `${photo}/thumbnails/0/enormous`)).status, 404)
})

t.test('the content of a thumbnail is behind a redirect that needs, and takes, no token', async t => {
  const { lab, token, drive, photo } = await openGallery(t)
  const redirect = await lab.graph(token, `${photo}/thumbnails/0/c256x256/content`)
  t.equal(redirect.status, 302)
  const url = redirect.headers.location ?? ''
  t.equal(new URL(url).host, MEDIA)
  t.match(new URL(url).searchParams.get('ctag'), /^"c:\{[0-9A-F-]{36}\},\d+"$/)
  const image = await lab.ask(url)
  t.equal(image.headers['content-type'], 'image/jpeg')
  t.match(await sharp(image.bytes).metadata(), { format: 'jpeg', width: 256, height: 192 })
  const { json } = await lab.admin('GET', `/thumbnail-url?drive=${drive}&path=Mixed/Photo%20001.jpg`)
  for (const [half, at] of [
    ['top', 0],
    ['bottom', 96],
  ] as const) {
    const part = sharp(image.bytes).extract({ left: 0, top: at, width: 256, height: 96 })
    // Of what is cut out, not of the whole.
    const { channels } = await sharp(await part.png().toBuffer()).stats()
    const colour = json[half] as number[]
    for (const i of [0, 1, 2]) t.ok(Math.abs((channels[i]?.mean ?? 0) - (colour[i] ?? 999)) < 3, half)
  }
  t.equal((await lab.ask(url, { headers: { Authorization: `Bearer ${token}` } })).status, 401)
  await lab.admin('PUT', '/clock', { advanceSeconds: 7 * 3600 })
  t.equal((await lab.ask(url)).status, 401)
})

t.test(
  'in a batch the redirect is the answer of its part, and one item may bring its thumbnails along',
  async t => {
    const { lab, token, photo } = await openGallery(t)
    const { json } = await lab.graph(token, '/$batch', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        requests: [
          { id: '1', method: 'GET', url: `${photo}/thumbnails/0/c256x256/content` },
          { id: '2', method: 'GET', url: `${photo}?$select=id,cTag&$expand=thumbnails($select=c256x256)` },
        ],
      }),
    })
    const parts = json['responses'] as { id: string; status: number; headers: Wire; body: Wire }[]
    t.match(parts[0], { status: 302, headers: { Location: new RegExp(`^https://${MEDIA}/`) } })
    const [set] = parts[1]?.body['thumbnails'] as Sized[]
    t.match(set?.['c256x256'], { width: 256, height: 192 })
    t.type(parts[1]?.body['cTag'], 'string')
  },
)

t.test('a listing with thumbnails is refused', async t => {
  const { lab, token, drive } = await openGallery(t)
  const { status, json } = await lab.graph(token, `/drives/${drive}/root:/Mixed:/children?$expand=thumbnails`)
  t.equal(status, 400)
  t.match(json, { error: { code: 'invalidRequest', innerError: { code: 'badArgument' } } })
})

t.test('what has no thumbnail has an empty set; so has everything where they are switched off', async t => {
  const { lab, token, drive, photo } = await openGallery(t)
  const sheet = `/drives/${drive}/root:/Mixed/Sheet%20010.xlsx:/thumbnails`
  t.same((await lab.graph(token, sheet)).json.value, [])
  await lab.admin('PUT', '/thumbnails', { available: false, drive })
  t.same((await lab.graph(token, `${photo}/thumbnails`)).json.value, [])
  t.equal((await lab.graph(token, `${photo}/thumbnails/0/small/content`)).status, 404)
  await lab.admin('PUT', '/thumbnails', { available: true, drive })
  t.equal((await lab.graph(token, `${photo}/thumbnails`)).json.value.length, 1)
})

t.test('another version has another picture, and images are counted apart from content', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO)
  const site = lab.emulator.world.sites.find(each => each.path === '/sites/Design')
  const drive = site?.libraries[0]?.id ?? ''
  const content = `/drives/${drive}/root:/Photos/Logo.png:/thumbnails/0/c256x256/content`
  const before = (await lab.graph(token, content)).headers.location ?? ''
  const old = await lab.ask(before)
  await lab.admin('POST', '/items', {
    do: 'replace',
    drive,
    path: 'Photos/Logo.png',
    text: 'no picture at all',
  })
  const after = (await lab.graph(token, content)).headers.location ?? ''
  t.not((await lab.ask(after)).bytes.compare(old.bytes), 0)
  t.equal((await lab.ask(before)).bytes.compare(old.bytes), 0)

  await lab.admin('PUT', '/faults', { action: { thumbnailsOf: 'earlier-version' } })
  const late = (await lab.graph(token, content)).headers.location ?? ''
  t.equal((await lab.ask(late)).bytes.compare(old.bytes), 0)

  const { json } = await lab.admin('GET', '/counters')
  t.match(json, { thumbnails: { requests: 4 }, content: { requests: 0, bytes: 0 } })
})

t.test('an image may come late, short, as something else, or not at all', async t => {
  const { lab, token, photo } = await openGallery(t)
  const url = (await lab.graph(token, `${photo}/thumbnails/0/c256x256/content`)).headers.location ?? ''
  const match = { route: 'thumbnail-image' }
  const answer = async (action: object) => {
    await lab.admin('PUT', '/faults', { id: 'only', match, action })
    return lab.ask(url)
  }
  t.equal((await answer({ status: 404 })).status, 404)
  t.match(await answer({ status: 429, retryAfterSeconds: 3 }), {
    status: 429,
    headers: { 'retry-after': '3' },
  })
  t.match(await answer({ body: '<h1>sorry</h1>', headers: { 'Content-Type': 'image/jpeg' } }), {
    status: 200,
    text: '<h1>sorry</h1>',
    headers: { 'content-type': 'image/jpeg' },
  })
  const short = await answer({ keepBytes: 500 })
  t.equal(short.bytes.length, 500)
  t.equal(short.headers['content-length'], '500')
})

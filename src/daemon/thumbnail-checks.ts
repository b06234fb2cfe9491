import type { Check } from '../control/answers.js'
import { shellQuote } from '../control/shell-quote.js'
import type { Confinement } from '../thumbnails/decoder/confinement.js'
import type { Decoder } from '../thumbnails/decoder/decoder.js'
import { unsafePermissions } from '../thumbnails/freedesktop-store.js'

/** The folder that file managers share, and how far the program is shut in that decodes other people's images. */
export async function thumbnailChecks(
  directory: string,
  decoder: Pick<Decoder, 'confinement'>,
): Promise<Check[]> {
  const unsafe = await unsafePermissions(directory)
  const nextStep = `Run:  chmod 700 ${shellQuote(directory)}`
  return [
    unsafe === undefined
      ? { name: 'Thumbnails', verdict: 'ok', found: directory }
      : { name: 'Thumbnails', verdict: 'warn', found: unsafe, nextStep },
    DECODER[await decoder.confinement()],
  ]
}

const DECODER: Readonly<Record<Confinement, Check>> = {
  sandbox: {
    name: 'Image decoder',
    verdict: 'ok',
    found: 'in a sandbox without files, network and environment',
  },
  namespace: {
    name: 'Image decoder',
    verdict: 'ok',
    found: 'in a process without network and environment, with limits',
    nextStep: 'It is shut in further with:  sudo apt-get install bubblewrap',
  },
  limits: {
    name: 'Image decoder',
    verdict: 'warn',
    found: 'in a process with limits only',
    nextStep: 'It is shut in further with:  sudo apt-get install bubblewrap',
  },
}

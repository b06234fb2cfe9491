/** Of what SharePoint makes thumbnails: asking for the others would cost requests and bring nothing. */
const SERVED = new Set(
  (
    '3g2 3gp ai arw avi bmp cr2 cr3 crw dng doc docx emf eps erf gif heic heif ico icon jfif jpeg jpg key m4v mkv ' +
    'mov mp4 mpeg mpg mrw mts nef nrw odg odp ods odt orf pages pbm pcx pdf pef pgm png pnm pot potx pps ppsx ppt ' +
    'pptx psb psd raw rtf rw1 rw2 sketch srw svg tga tif tiff vsd vsdx webm webp wmv xbm xls xlsx xpm'
  ).split(' '),
)
/** What programs of a desktop make thumbnails of by reading the file, and SharePoint does not. */
const READ_BY_OTHERS = new Set(
  (
    'aac appimage azw3 blend cb7 cbr cbt cbz cbz djvu epub exe fb2 flac kra m4a mobi mp3 oga ogg ogv opus ora otf ' +
    'stl ttf wav woff xcf'
  ).split(' '),
)

export function maybeServed(name: string): boolean {
  return SERVED.has(extensionOf(name))
}

/** Whether some program would read the file for a thumbnail, if nobody told it not to. */
export function maybeRead(name: string): boolean {
  return maybeServed(name) || READ_BY_OTHERS.has(extensionOf(name))
}

/** Whether we can draw it ourselves, when all of it is here. */
export function isPicture(name: string): boolean {
  return /^(gif|jfif|jpe?g|png|webp)$/.test(extensionOf(name))
}

function extensionOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1).toLowerCase()
}

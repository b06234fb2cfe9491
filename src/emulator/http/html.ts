export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, letter => `&#${letter.charCodeAt(0)};`)
}

export function page(title: string, content: string): string {
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>
  body { font: 16px/1.5 'Segoe UI', system-ui, sans-serif; background: #f2f2f2; margin: 0; color: #1b1b1b }
  main { background: #fff; max-width: 28rem; margin: 8vh auto; padding: 2.5rem; box-shadow: 0 2px 6px #0003 }
  h1 { font-size: 1.5rem; font-weight: 600; margin: 0 0 1rem }
  button { font: inherit; display: block; width: 100%; text-align: left; padding: .6rem .8rem; margin: .4rem 0;
    border: 1px solid #ccc; background: #fff; cursor: pointer }
  button:hover { background: #f2f2f2 } button.primary { background: #0067b8; color: #fff; text-align: center }
  a.button { display: inline-block; padding: .5rem 1rem; background: #0067b8; color: #fff; text-decoration: none }
  input[type=text] { font: inherit; width: 100%; box-sizing: border-box; padding: .4rem }
  small { color: #666 } footer { margin-top: 2rem; color: #666; font-size: .8rem }
</style></head>
<body><main>${content}<footer>b2bmount emulator &middot; not Microsoft, no password, no real account</footer></main></body></html>
`
}

export function hiddenFields(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`)
    .join('')
}

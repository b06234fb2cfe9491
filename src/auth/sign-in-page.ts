/** What the browser shows when the sign-in has ended. */
export function successPage(): string {
  return page('You are signed in', 'You can close this window and go back to b2bmount.')
}

export function failurePage(reason: string): string {
  return page(
    'The sign-in did not succeed',
    `${escaped(reason)}. Close this window; b2bmount tells what to do next.`,
  )
}

function page(title: string, text: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${title} - b2bmount</title>
<style>
  body { font: 1.1rem/1.5 system-ui, sans-serif; margin: 20vh auto; max-width: 32rem; padding: 0 1rem; color-scheme: light dark }
</style>
<h1>${title}</h1>
<p>${text}</p>
</html>
`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}

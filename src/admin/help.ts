import type { Endpoint } from './endpoint.ts'

function sorted(endpoints: Iterable<Endpoint>): Endpoint[] {
  return [...endpoints].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** The list of /help and of every 404. */
export function helpText(endpoints: Iterable<Endpoint>): string {
  let out = 'admin commands are:\n'
  for (const { path, help, params, mutates } of sorted(endpoints)) {
    out += `  ${path}${mutates ? ' (POST)' : ''}: ${help}\n`
    for (const { name, help: paramHelp, choices } of params ?? []) {
      out += `      ${name}: ${paramHelp}${choices === undefined ? '' : `; One of (${choices.join(', ')})`}\n`
    }
  }
  return out
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`)
}

const STYLE = `body{font:14px/1.5 system-ui,sans-serif;margin:2rem;max-width:70rem}
table{border-collapse:collapse}td{padding:.3rem .8rem;vertical-align:top;border-top:1px solid #ddd}
button{font:inherit;cursor:pointer}pre{white-space:pre-wrap}`

export function htmlPage(title: string, body: string, head = ''): string {
  return `<!DOCTYPE html>
<html lang='en'>
<head>
<meta charset='utf-8'>
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>${head}
</head>
<body>
${body}</body>
</html>
`
}

/** The home page: a link per endpoint, a button where POST is needed, so that no crawler quits the proxy. */
export function homePage(endpoints: Iterable<Endpoint>): string {
  let rows = ''
  for (const { path, help, params, mutates } of sorted(endpoints)) {
    const action = escapeHtml(path.slice(1))
    const name = escapeHtml(path)
    const inputs = (params ?? []).map(param => `<label>${escapeHtml(param.name)} ${input(param)}</label> `).join('')
    const submit = mutates ? `<form action='${action}' method='post'><button>${name}</button> ${inputs}</form>` : ''
    const link = `<a href='${action === '' ? './' : action}'>${name}</a>`
    rows += `<tr><td>${mutates ? submit : link}</td><td>${escapeHtml(help)}</td></tr>\n`
  }
  return htmlPage('Outrider Admin', `<h1>Outrider Admin</h1>\n<table>\n${rows}</table>\n`)
}

function input(param: { readonly name: string; readonly choices?: readonly string[] }): string {
  const name = escapeHtml(param.name)
  if (param.choices === undefined) return `<input name='${name}' size='12'>`
  return `<select name='${name}'>${param.choices.map(choice => `<option>${escapeHtml(choice)}</option>`).join('')}</select>`
}

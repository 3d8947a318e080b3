// The same question for a terminal. The credential stays a variable: nothing secret is ever put on the page.
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export function curlGet(path: string, origin = location.origin): string {
  return `curl -H "Authorization: Bearer $KEY" ${quoted(origin + path)}`;
}
export function curlPost(path: string, body: unknown, origin = location.origin): string {
  return `curl -H "Authorization: Bearer $KEY" -H 'content-type: application/json' \\\n  ${quoted(origin + path)} \\\n  -d ${quoted(JSON.stringify(body))}`;
}

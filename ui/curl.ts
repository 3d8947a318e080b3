// The same question for a terminal. The credential stays a variable: nothing secret is ever put on the page.
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export function curlGet(path: string, origin = location.origin): string {
  return `curl -H "Authorization: Bearer $KEY" ${quoted(origin + path)}`;
}
/** A line each for address, headers and body; what of the body is long has a line for each of its fields. */
export function curlPost(path: string, body: object, origin = location.origin): string {
  const lines = [
    `curl ${quoted(origin + path)}`,
    '-H "Authorization: Bearer $KEY"',
    "-H 'content-type: application/json'",
    `-d ${quoted(textOf(body, 2))}`,
  ];
  return lines.join(' \\\n  ');
}
/** Characters of a line that are seen without scrolling, in the narrowest place a command stands in. */
const LINE = 44;
/** @param before what stands on its line already, beside the indent. */
function textOf(value: unknown, indent: number, before = 0): string {
  const short = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || indent + before + short.length <= LINE) return short;
  const list = Array.isArray(value);
  const inner = indent + 2;
  const parts = Object.entries(value).flatMap(([name, each]) => {
    if (each === undefined) return [];
    const key = list ? '' : `${JSON.stringify(name)}: `;
    return [`\n${' '.repeat(inner)}${key}${textOf(each, inner, key.length)}`];
  });
  const [open, close] = list ? '[]' : '{}';
  return `${open}${parts.join(',')}\n${' '.repeat(indent)}${close}`;
}

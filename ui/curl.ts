// The same question for a terminal. The credential stays a variable: nothing secret is ever put on the page.
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export function curlGet(path: string, origin = location.origin): string {
  return `curl -H "Authorization: Bearer $KEY" ${quoted(origin + path)}`;
}
/** A line each for address, headers and body; a long body has a line for each of its fields. */
export function curlPost(path: string, body: object, origin = location.origin): string {
  const lines = [
    `curl ${quoted(origin + path)}`,
    '-H "Authorization: Bearer $KEY"',
    "-H 'content-type: application/json'",
    `-d ${quoted(textOf(body))}`,
  ];
  return lines.join(' \\\n  ');
}
const SHORT = 40;
function textOf(body: object): string {
  const short = JSON.stringify(body);
  if (short.length <= SHORT) return short;
  const fields = Object.entries(body)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  return `{\n${fields.join(',\n')}\n  }`;
}

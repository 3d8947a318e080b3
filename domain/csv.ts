// Text in a CSV (RFC 4180) that people open in a spreadsheet.

/** A leading sign that a spreadsheet would run as a formula is disarmed by an apostrophe (OWASP, "CSV Injection"); numbers need no such care. */
export function csvText(value: string): string {
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

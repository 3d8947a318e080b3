// Text in a CSV (RFC 4180) that people open in a spreadsheet.

/** A leading sign that a spreadsheet would run as a formula is disarmed by an apostrophe (OWASP, "CSV Injection"); numbers need no such care. */
export function csvText(value: string): string {
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return csvQuoted(text);
}

/** As it is, in quotes where it must be. */
export const csvQuoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

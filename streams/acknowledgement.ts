// JetStream acknowledges a message to whatever reply subject its publisher wrote, with the server's own rights. A source that may publish
// `in.<source>` and nothing else can so have an acknowledgement stored in any stream: readers know it by its shape and pass it over.

/**
 * Whether these bytes are an acknowledgement of JetStream's, `{"stream":"IN","seq":7}` or `{"error":…,"stream":"IN","seq":0}`: always a JSON object
 * that names its stream. What we write never is one: commits of CTL are JSON arrays, messages of EVT msgpack maps.
 */
export function isAcknowledgement(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x7b || bytes.at(-1) !== 0x7d) return false; // { … }
  try {
    const { stream } = JSON.parse(new TextDecoder().decode(bytes)) as { stream?: unknown };
    return typeof stream === 'string';
  } catch {
    return false;
  }
}

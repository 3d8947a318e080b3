// Where broken JSON breaks: V8's message quotes the text (which may name a person) and gives no position for short bodies.

/** Character offset of the first thing that is not JSON (RFC 8259), or -1 when all of it is. */
export function jsonErrorPosition(text: string): number {
  const scan = new Scan(text);
  const failed = scan.value(0) || scan.rest();
  return failed ? scan.at : -1;
}

const LITERALS = ['true', 'false', 'null'];
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON allows no control character inside a text.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;

class Scan {
  at = 0;
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }

  /** Each method answers whether it failed, with `at` where. */
  value(depth: number): boolean {
    this.#space();
    const first = this.#text[this.at];
    if (first === '"') return this.#string();
    if (first === '{' || first === '[') return depth > 5_000 || this.#list(first === '{', depth);
    const literal = LITERALS.find((word) => this.#text.startsWith(word, this.at));
    if (literal !== undefined) {
      this.at += literal.length;
      return false;
    }
    return !this.#match(NUMBER);
  }

  rest(): boolean {
    this.#space();
    return this.at < this.#text.length;
  }

  #list(isObject: boolean, depth: number): boolean {
    const end = isObject ? '}' : ']';
    this.at++;
    this.#space();
    if (this.#take(end)) return false;
    for (;;) {
      if (isObject) {
        this.#space();
        if (this.#string()) return true;
        this.#space();
        if (!this.#take(':')) return true;
      }
      if (this.value(depth + 1)) return true;
      this.#space();
      if (this.#take(end)) return false;
      if (!this.#take(',')) return true;
    }
  }

  #string(): boolean {
    return !this.#match(STRING) || !this.#take('"');
  }

  #take(character: string): boolean {
    if (this.#text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    if (!pattern.test(this.#text)) return false;
    this.at = pattern.lastIndex;
    return true;
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#text[this.at] ?? '')) this.at++;
  }
}

// XᵀX of a tile of rows, added up tile after tile: the hot loop of every Newton step over many rows. As WebAssembly with two doubles an operation
// (f64x2), assembled below from the instructions' names; in TypeScript where the engine has no SIMD. Both agree to rounding.

export interface GramWorkspace {
  /** Columns of `rows` values, one after the other; the caller fills them. */
  tile: Float64Array;
  /** Row-major, `padded` × `padded`; the lower triangle by squares of 3 × 3 is added to. */
  gram: Float64Array;
  padded: number;
  /** Adds tileᵀ·tile over the first `size` rows; it may clear the row after the last. */
  add(size: number): void;
}

/**
 * @param columns of the tile; padded with zeros to whole squares.  @param rows of the tile, even.
 * @param simd false for the loop in TypeScript.
 */
export function gramWorkspace(columns: number, rows: number, simd = true): GramWorkspace {
  const padded = Math.ceil(columns / 3) * 3;
  const compiled = simd ? simdModule(rows) : undefined;
  const bytes = 8 * (padded * rows + padded * padded);
  const memory = compiled && new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) });
  const buffer = memory ? memory.buffer : new ArrayBuffer(bytes);
  const tile = new Float64Array(buffer, 0, padded * rows);
  const gram = new Float64Array(buffer, tile.byteLength, padded * padded);
  if (!compiled || !memory) return { tile, gram, padded, add: (size) => addHere(tile, rows, size, padded, gram) };
  const { add } = new WebAssembly.Instance(compiled, { env: { memory } }).exports as {
    add(size: number, padded: number, gram: number): void;
  };
  return {
    tile,
    gram,
    padded,
    add(size) {
      // Two rows an operation: an odd last one is paired with zeros.
      if (size % 2 === 1) for (let at = size; at < tile.length; at += rows) tile[at] = 0;
      add(size, padded, tile.byteLength);
    },
  };
}

const PAGE = 65_536;

/** Squares of 3 × 3: nine sums and six operands are what fits the processor's sixteen registers. */
function addHere(tile: Float64Array, rows: number, size: number, k: number, gram: Float64Array): void {
  for (let a = 0; a < k; a += 3)
    for (let b = 0; b <= a; b += 3) {
      let [s00, s01, s02, s10, s11, s12, s20, s21, s22] = [0, 0, 0, 0, 0, 0, 0, 0, 0];
      const [a0, b0] = [a * rows, b * rows];
      for (let i = 0; i < size; i++) {
        const x0 = tile[a0 + i]!;
        const x1 = tile[a0 + rows + i]!;
        const x2 = tile[a0 + 2 * rows + i]!;
        const y0 = tile[b0 + i]!;
        const y1 = tile[b0 + rows + i]!;
        const y2 = tile[b0 + 2 * rows + i]!;
        s00 += x0 * y0;
        s01 += x0 * y1;
        s02 += x0 * y2;
        s10 += x1 * y0;
        s11 += x1 * y1;
        s12 += x1 * y2;
        s20 += x2 * y0;
        s21 += x2 * y1;
        s22 += x2 * y2;
      }
      const at = a * k + b;
      gram[at]! += s00;
      gram[at + 1]! += s01;
      gram[at + 2]! += s02;
      gram[at + k]! += s10;
      gram[at + k + 1]! += s11;
      gram[at + k + 2]! += s12;
      gram[at + 2 * k]! += s20;
      gram[at + 2 * k + 1]! += s21;
      gram[at + 2 * k + 2]! += s22;
    }
}

const modules = new Map<number, WebAssembly.Module | undefined>();

/** Assembled once a tile height; undefined where the engine does not take it. */
function simdModule(rows: number): WebAssembly.Module | undefined {
  if (!modules.has(rows)) {
    const code = assemble(rows);
    modules.set(
      rows,
      typeof WebAssembly === 'object' && WebAssembly.validate(code) ? new WebAssembly.Module(code) : undefined,
    );
  }
  return modules.get(rows);
}

// The binary format: webassembly.github.io/spec/core/binary. Numbers are LEB128.
type Code = number[];
const number = (value: number): Code => (value < 128 ? [value] : [(value & 127) | 128, ...number(value >>> 7)]);
const constant = (value: number): Code => {
  const signed = (v: number): Code => (v >= -64 && v < 64 ? [v & 127] : [(v & 127) | 128, ...signed(v >> 7)]);
  return [0x41, ...signed(value)];
};
const sized = (body: Code): Code => [...number(body.length), ...body];
const section = (id: number, ...entries: Code[]): Code => [
  id,
  ...sized([...number(entries.length), ...entries.flat()]),
];
const name = (text: string): Code => sized([...new TextEncoder().encode(text)]);
const get = (local: number): Code => [0x20, ...number(local)];
const set = (local: number): Code => [0x21, ...number(local)];
const loop = (...body: Code[]): Code => [0x03, 0x40, ...body.flat(), 0x0b];
const [repeatIf, plus, times, below, notAbove, end]: Code[] = [[0x0d, 0], [0x6a], [0x6c], [0x49], [0x4d], [0x0b]];
const loadPair = (offset: number): Code => [0xfd, 0x00, 3, ...number(offset)];
const [mulPairs, addPairs]: Code[] = [
  [0xfd, 0xf2, 0x01],
  [0xfd, 0xf0, 0x01],
];
const lane = (which: number): Code => [0xfd, 0x21, which];
const zeroPair: Code = [0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0xfd, 0x14];
const loadDouble = (offset: number): Code => [0x2b, 3, ...number(offset)];
const storeDouble = (offset: number): Code => [0x39, 3, ...number(offset)];
const addDoubles: Code = [0xa0];
const [I32, V128] = [0x7f, 0x7b];

/** add(size, padded, gram): the loops of `addHere` over the tile at address 0, two rows at a time. */
function assemble(rows: number): Uint8Array<ArrayBuffer> {
  const column = 8 * rows;
  const [size, padded, gram, a, b, x, y, stop, out] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const [sum, left, right] = [9, 18, 21];
  const three = [0, 1, 2];
  const nine = three.flatMap((i) => three.map((j) => ({ i, j, sum: sum + 3 * i + j })));
  const row = (i: number): Code => [...get(out), ...get(padded), ...constant(8 * i), ...times!, ...plus!];
  const square: Code = [
    ...nine.flatMap((each) => [...zeroPair, ...set(each.sum)]),
    // x = a · column; y = b · column; stop = x + 8 · size
    ...[...get(a), ...constant(column), ...times!, ...set(x)],
    ...[...get(b), ...constant(column), ...times!, ...set(y)],
    ...[...get(x), ...get(size), ...constant(8), ...times!, ...plus!, ...set(stop)],
    ...loop(
      three.flatMap((i) => [...get(x), ...loadPair(i * column), ...set(left + i)]),
      three.flatMap((j) => [...get(y), ...loadPair(j * column), ...set(right + j)]),
      nine.flatMap(({ i, j, sum }) => [
        ...[...get(sum), ...get(left + i), ...get(right + j), ...mulPairs!, ...addPairs!, ...set(sum)],
      ]),
      [...get(x), ...constant(16), ...plus!, ...set(x)],
      [...get(y), ...constant(16), ...plus!, ...set(y)],
      [...get(x), ...get(stop), ...below!, ...repeatIf!],
    ),
    // out = gram + 8 · (a · padded + b); each sum's two halves are added to its cell.
    ...[...get(gram), ...get(a), ...get(padded), ...times!, ...get(b), ...plus!, ...constant(8), ...times!, ...plus!],
    ...set(out),
    ...nine.flatMap(({ i, j, sum }) => [
      ...row(i),
      ...[...row(i), ...loadDouble(8 * j)],
      ...[...get(sum), ...lane(0), ...get(sum), ...lane(1), ...addDoubles],
      ...[...addDoubles, ...storeDouble(8 * j)],
    ]),
  ];
  const body: Code = [
    ...[2, ...number(6), I32, ...number(15), V128],
    ...loop(
      [...constant(0), ...set(b)],
      loop(
        square,
        [...get(b), ...constant(3), ...plus!, ...set(b)],
        [...get(b), ...get(a), ...notAbove!, ...repeatIf!],
      ),
      [...get(a), ...constant(3), ...plus!, ...set(a)],
      [...get(a), ...get(padded), ...below!, ...repeatIf!],
    ),
    ...end!,
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [0x60, 3, I32, I32, I32, 0]),
    ...section(2, [...name('env'), ...name('memory'), 2, 0, 1]),
    ...section(3, [0]),
    ...section(7, [...name('add'), 0, 0]),
    ...section(10, sized(body)),
  ]);
}

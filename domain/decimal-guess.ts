// Whether a file writes 1,234.50 or 1.234,50: told only by values that can be read in one way alone.
import { type DecimalMark, parseDecimal, parseWritten } from './decimal.ts';
import { ok, type Result, refuse } from './result.ts';

export interface DecimalGuess {
  mark: DecimalMark;
  /** What the guess rests on, or what could be otherwise; null = nothing to say. */
  explanation: string | null;
  warning: string | null;
}

/** Share of the values that must be readable in a guessed way. */
const CONSISTENT = 0.9;
/** Plain decimals that would be thousands in a file with decimal commas. */
const THREE_DIGITS = /^[+-]?[1-9]\d{0,2}\.\d{3}$/;

/**
 * @param texts values of the money columns, trimmed, none empty.
 * A value proves a mark when only that mark reads it ('12,5', '1.234,50'; '12.5', '1,234.50'). '1,234' proves nothing: without any proof it
 * is refused, for a thousandfold error would go unseen.
 */
export function guessDecimal(texts: readonly string[], wished: DecimalMark | undefined): Result<DecimalGuess> {
  if (wished !== undefined) return ok({ mark: wished, explanation: WORDS[wished], warning: null });
  const read = { plain: 0, point: 0, comma: 0 };
  const proof = { point: 0, comma: 0 };
  let open = 0;
  let thousandths = 0;
  for (const text of texts) {
    const plain = parseDecimal(text) !== null;
    const point = parseWritten(text, 'point') !== null;
    const comma = parseWritten(text, 'comma') !== null;
    if (plain) read.plain++;
    if (point) read.point++;
    if (comma) read.comma++;
    if (point && !comma) proof.point++;
    if (comma && !point) proof.comma++;
    if (point && comma && !plain) open++;
    if (THREE_DIGITS.test(text)) thousandths++;
  }
  const least = texts.length * CONSISTENT;
  const guessed = (mark: 'point' | 'comma') =>
    ok({ mark, explanation: `${WORDS[mark]} (${read[mark]} of ${texts.length} sampled values)`, warning: null });
  if (proof.comma > 0 && proof.point === 0 && read.comma >= least) return guessed('comma');
  if (proof.point > 0 && proof.comma === 0 && read.point >= least && read.point > read.plain) return guessed('point');
  if (open > 0 && proof.point === 0 && proof.comma === 0)
    return refuse(
      `${open} sampled amounts like 1,234 could be 1234 or 1.234, and no other value tells; say --decimal point (1,234 is 1234) or --decimal comma (1,234 is 1.234).`,
    );
  const doubtful = thousandths > 0 && proof.point === 0 && proof.comma === 0;
  const warning = `${thousandths} sampled amounts like 1.234 are read as one and a fraction; if the point is a thousands separator, say --decimal comma.`;
  return ok({ mark: 'plain', explanation: null, warning: doubtful ? warning : null });
}

const WORDS: Record<DecimalMark, string> = {
  plain: 'plain: digits and a point, like 1234.50',
  point: 'point: 1,234.50 is one thousand two hundred thirty-four and a half',
  comma: 'comma: 1.234,50 is one thousand two hundred thirty-four and a half',
};

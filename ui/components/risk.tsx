// Risk is never colour alone: colour, a glyph of one to four bars, and the word.
export const BANDS = ['low', 'moderate', 'high', 'severe'] as const;
export type Band = (typeof BANDS)[number];
/** Names of the tokens, which are older than the bands. */
const TONES: Record<Band, string> = { low: 'low', moderate: 'watch', high: 'high', severe: 'critical' };
const WORDS: Record<Band, string> = { low: 'Low', moderate: 'Moderate', high: 'High', severe: 'Severe' };

export const isBand = (band: string | null | undefined): band is Band => BANDS.includes(band as Band);

export function Glyph({ band }: { band: Band }) {
  const level = BANDS.indexOf(band);
  return (
    <svg className="gl" viewBox="0 0 13 10" aria-hidden="true">
      {[3, 5.3, 7.6, 9.9].map((height, index) => (
        <rect
          key={height}
          className={index > level ? 'o' : undefined}
          x={index * 3.4}
          y={10 - height}
          width={2.4}
          height={height}
          rx={0.6}
        />
      ))}
    </svg>
  );
}

export function Risk({ band, tag = false }: { band: Band; tag?: boolean }) {
  return (
    <span className={`risk ${tag ? 'tag ' : ''}${TONES[band]}`}>
      <Glyph band={band} />
      {WORDS[band]}
    </span>
  );
}

/** A share as a bar in the colour of its band. */
export function RiskBar({ share, band }: { share: number; band: Band }) {
  return (
    <span className="rbar" aria-hidden="true">
      <i className={TONES[band]} style={{ width: `${Math.round(share * 1000) / 10}%` }} />
    </span>
  );
}

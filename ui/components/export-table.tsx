// A whole table to take along, not only the page that is shown: GET /api/export as a link, streamed by the server.
import { useState } from 'react';
import { useMay } from '../account.ts';
import { Icon } from './icon.tsx';

const FORMATS = [
  ['csv', 'CSV'],
  ['ndjson', 'NDJSON'],
  ['parquet', 'Parquet'],
] as const;
type Format = (typeof FORMATS)[number][0];

/** Under customer ids for who may see them, else under references. */
export const exportPath = (table: string, format: Format, identified: boolean): string =>
  `/api/export?table=${table}&format=${format}${identified ? '&identified=true' : ''}`;

export function ExportTable({ table }: { table: string }) {
  const [format, setFormat] = useState<Format>('csv');
  const identified = useMay('customer:read-identified');
  return (
    <span className="export hide">
      <select
        className="ctl"
        aria-label="Format of the export"
        value={format}
        onChange={(event) => setFormat(event.target.value as Format)}
      >
        {FORMATS.map(([value, word]) => (
          <option key={value} value={value}>
            {word}
          </option>
        ))}
      </select>
      <a
        className="ctl"
        href={exportPath(table, format, identified)}
        download
        title={identified ? 'Every row, under customer ids' : 'Every row, under references: your role does not see ids'}
      >
        <Icon name="download" small />
        Export all
      </a>
    </span>
  );
}

// The first row of a table: what each column says, and how it stands (`r` to the right, `hide` not on narrow screens).
export function TableHead({ columns }: { columns: readonly (string | readonly [name: string, className: string])[] }) {
  return (
    <thead>
      <tr>
        {columns.map((column) => {
          const [name, className] = typeof column === 'string' ? [column, undefined] : column;
          return (
            <th key={name} scope="col" className={className}>
              {name}
            </th>
          );
        })}
      </tr>
    </thead>
  );
}
